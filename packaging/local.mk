# packaging: what an installed system has besides programs and manual pages.
# The paths in the *.in files are those of configure.
SYSTEMD_UNITS = \
	packaging/systemd/posthouse-authd.service \
	packaging/systemd/posthouse-lmtpd.service \
	packaging/systemd/posthouse-queued.service \
	packaging/systemd/posthouse-smtpd.service \
	packaging/systemd/posthouse-smtpd.socket

systemdunitdir = $(prefix)/lib/systemd/system
nodist_systemdunit_DATA = $(SYSTEMD_UNITS)
bashcompletiondir = $(datadir)/bash-completion/completions
exampledir = $(docdir)/examples
nodist_example_DATA = packaging/posthouse.conf
# Where they go is the business of whoever has fail2ban.
FAIL2BAN = packaging/fail2ban/filter.conf packaging/fail2ban/jail.conf

GENERATED = $(SYSTEMD_UNITS) packaging/systemd/posthouse.sysusers \
	packaging/systemd/posthouse.tmpfiles
HARDENING = $(top_srcdir)/packaging/systemd/hardening.in
EXTRA_DIST += $(FAIL2BAN) $(GENERATED:=.in) packaging/systemd/hardening.in \
	completion/posthouse.bash
CLEANFILES += $(GENERATED) packaging/posthouse.conf

$(GENERATED): %: %.in packaging/systemd/hardening.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed -e '/@hardening@/{r $(HARDENING)' -e 'd;}' \
	    -e 's|@sbindir[@]|$(sbindir)|g' \
	    -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	    -e 's|@localstatedir[@]|$(localstatedir)|g' \
	    -e 's|@runstatedir[@]|$(runstatedir)|g' $< > $@

# From the tables of options, by the program itself.
packaging/posthouse.conf: posthouse$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	./posthouse$(EXEEXT) config sample > $@.new && mv $@.new $@

all-local: $(GENERATED) packaging/posthouse.conf

# A configuration that is there already is the operator's.
install-data-local: $(GENERATED) packaging/posthouse.conf
	$(MKDIR_P) '$(DESTDIR)$(bashcompletiondir)' \
	    '$(DESTDIR)$(exampledir)/fail2ban/filter.d' \
	    '$(DESTDIR)$(exampledir)/fail2ban/jail.d' \
	    '$(DESTDIR)$(prefix)/lib/sysusers.d' \
	    '$(DESTDIR)$(prefix)/lib/tmpfiles.d' \
	    '$(DESTDIR)$(sysconfdir)/posthouse'
	$(INSTALL_DATA) $(srcdir)/completion/posthouse.bash \
	    '$(DESTDIR)$(bashcompletiondir)/posthouse'
	$(INSTALL_DATA) $(srcdir)/packaging/fail2ban/filter.conf \
	    '$(DESTDIR)$(exampledir)/fail2ban/filter.d/posthouse.conf'
	$(INSTALL_DATA) $(srcdir)/packaging/fail2ban/jail.conf \
	    '$(DESTDIR)$(exampledir)/fail2ban/jail.d/posthouse.conf'
	$(INSTALL_DATA) packaging/systemd/posthouse.sysusers \
	    '$(DESTDIR)$(prefix)/lib/sysusers.d/posthouse.conf'
	$(INSTALL_DATA) packaging/systemd/posthouse.tmpfiles \
	    '$(DESTDIR)$(prefix)/lib/tmpfiles.d/posthouse.conf'
	test -e '$(DESTDIR)$(sysconfdir)/posthouse/posthouse.conf' || \
	    $(INSTALL_DATA) packaging/posthouse.conf \
	    '$(DESTDIR)$(sysconfdir)/posthouse/posthouse.conf'

uninstall-local: packaging/posthouse.conf
	rm -rf '$(DESTDIR)$(exampledir)/fail2ban'
	rm -f '$(DESTDIR)$(bashcompletiondir)/posthouse' \
	    '$(DESTDIR)$(prefix)/lib/sysusers.d/posthouse.conf' \
	    '$(DESTDIR)$(prefix)/lib/tmpfiles.d/posthouse.conf'
	! cmp -s packaging/posthouse.conf \
	    '$(DESTDIR)$(sysconfdir)/posthouse/posthouse.conf' || \
	    rm -f '$(DESTDIR)$(sysconfdir)/posthouse/posthouse.conf'
