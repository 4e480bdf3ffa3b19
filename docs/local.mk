# docs
dist_man_MANS += docs/posthouse-authd.8
dist_man_MANS += docs/posthouse-backup.7
dist_man_MANS += docs/posthouse-pairing.7
dist_man_MANS += docs/posthouse-smtpd.8
dist_man_MANS += docs/posthouse.8
dist_man_MANS += docs/posthouse.conf.5
dist_man_MANS += docs/posthouse-log.7
