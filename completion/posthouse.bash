# SPDX-License-Identifier: ISC
# Bash completion for posthouse(8): commands, and the names in the directory.

# The first column of a list, as the configuration in the command line has it.
_posthouse_names() {
	local command=$1
	shift
	"$command" "${conf[@]}" "$@" list 2>/dev/null |
		awk 'NR > 1 { print $1 }'
}

# The commands as "posthouse help" knows them: nouns, or the verbs of one.
_posthouse_words() {
	local command=$1 noun=${2-}
	"$command" help 2>/dev/null | awk -v noun="$noun" '
		/^  [a-z]/ && noun == "" { print $1 }
		/^  [a-z]/ && $1 == noun && $2 ~ /^[a-z]/ { print $2 }
		/^  [a-z]/ && $1 " " $2 == noun && $3 ~ /^[a-z]/ { print $3 }'
}

_posthouse() {
	local cur prev words cword conf=() plain=() i command=${1:-posthouse}
	COMPREPLY=()
	# Addresses have a "@", which is no reason to begin a new word.
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n @: cur prev words cword
	else
		words=("${COMP_WORDS[@]}")
		cword=$COMP_CWORD
		cur=${COMP_WORDS[COMP_CWORD]}
		prev=${COMP_WORDS[COMP_CWORD - 1]}
	fi
	if [[ $prev == --listener ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			'smtp submission submissions local' -- "$cur")
		return
	fi
	if [[ $prev == -c || $prev == --config ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	if [[ $prev == --address || $prev == --login || $prev == --to ]]; then
		mapfile -t COMPREPLY < <(
			compgen -W "$(_posthouse_names "$command" user)" -- "$cur")
		return
	fi
	# The words before this one, without options.
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		-c | --config)
			conf=(-c "${words[i + 1]}")
			((i++))
			;;
		-*) ;;
		*) plain+=("${words[i]}") ;;
		esac
	done
	local choices=
	if [[ $cur == -* ]]; then
		choices='-c --config --dry-run -h --help --json --quiet -V --version'
		if [[ ${plain[0]-} == trace ]]; then
			choices+=' --address --client --id --message-id'
			choices+=' --since --until'
		elif [[ ${plain[0]-}:${plain[1]-} == queue:drain ]]; then
			choices+=' --to'
		elif [[ ${plain[0]-} == explain ]]; then
			choices+=' --client --from --helo --listener --login'
			choices+=' --size --to'
		fi
		case ${plain[0]-}:${plain[1]-} in
		audit:*) choices+=' --since' ;;
		backup:*) choices+=' --files --keep' ;;
		restore:mailbox) choices+=' --folder --message-id --snapshot' ;;
		restore:user) choices+=' --snapshot' ;;
		mailbox:show) choices+=' --folder --message-id --raw' ;;
		mailbox:search)
			choices+=' --attachments --before --count --digest --flags'
			choices+=' --folder --from --id --larger --list-id'
			choices+=' --message-id --sent-before --sent-since --since'
			choices+=' --smaller --spam --subject --to' ;;
		user:set) choices+=' --main-password --receive --send' ;;
		user:app-password) choices+=' --expires --services' ;;
		group:add | group:set)
			choices+=' --from --list-id --owners --posters --title'
			choices+=' --unsubscribe --verp' ;;
		esac
	else
		case ${#plain[@]}:${plain[0]-}:${plain[1]-} in
		0:*) choices=$(_posthouse_words "$command") ;;
		1:help:*) choices=$(_posthouse_words "$command") ;;
		1:*) choices=$(_posthouse_words "$command" "${plain[0]}") ;;
		2:help:*) choices=$(_posthouse_words "$command" "${plain[1]}") ;;
		2:domain:del | 2:user:list | 2:alias:list | 2:mailbox:list | \
			2:group:list)
			choices=$(_posthouse_names "$command" domain) ;;
		2:user:app-password | 2:user:sender)
			choices=$(_posthouse_words "$command" "user ${plain[1]}") ;;
		2:user:del | 2:user:passwd | 2:user:disable | 2:user:enable | \
			2:user:show | 2:user:set | 3:user:app-password | 3:user:sender)
			choices=$(_posthouse_names "$command" user) ;;
		2:group:set | 2:group:del | 2:group:show)
			choices=$(_posthouse_names "$command" group) ;;
		2:group:member)
			choices=$(_posthouse_words "$command" "group member") ;;
		3:group:member) choices=$(_posthouse_names "$command" group) ;;
		*:group:member | *:group:add)
			choices=$(_posthouse_names "$command" user) ;;
		3:restore:user | 3:restore:mailbox)
			choices=$(_posthouse_names "$command" user) ;;
		2:alias:del) choices=$(_posthouse_names "$command" alias) ;;
		2:lock:lift | 2:mailbox:stat | 2:mailbox:search | 2:mailbox:show | 2:mailbox:verify | 2:mailbox:rebuild)
			choices=$(_posthouse_names "$command" user) ;;
		*:alias:add) choices=$(_posthouse_names "$command" user) ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$cur")
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}

complete -F _posthouse posthouse
