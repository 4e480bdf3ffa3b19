// SPDX-License-Identifier: ISC
// Sends the message on standard input by nodemailer. The argument is JSON:
// {transport: what createTransport() takes, from, to: [...]}.
"use strict";

const nodemailer = require("nodemailer");
const job = JSON.parse(process.argv[2]);
const raw = require("fs").readFileSync(0);

nodemailer.createTransport(job.transport).sendMail(
	{ envelope: { from: job.from, to: job.to }, raw },
	(error, info) => {
		if (error) {
			console.error(String(error));
			process.exit(1);
		}
		console.log(info.response);
	});
