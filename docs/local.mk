# docs
dist_man_MANS += docs/posthouse-smtpd.8
