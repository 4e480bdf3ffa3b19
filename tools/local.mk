# The README's two commands and what they call.
EXTRA_DIST += tools/packages tools/install-packages tools/build tools/test \
	tools/quickstart tools/first-mail
