// Something that must never run twice: it writes into one file, every 10 ms, who it is and when. With FILE unset it only says that it runs.
import { appendFileSync } from 'node:fs';

const { FILE, FENCING_TOKEN = '', KITH_POD_NAME = '', HOSTNAME = KITH_POD_NAME } = process.env;
console.log(`${HOSTNAME} runs with token ${FENCING_TOKEN}`);
const write = () => FILE && appendFileSync(FILE, `${HOSTNAME}/${process.pid} ${FENCING_TOKEN} ${Date.now()}\n`);
write();
setInterval(write, FILE ? 10 : 60_000);
process.on('SIGTERM', () => process.exit(0));
