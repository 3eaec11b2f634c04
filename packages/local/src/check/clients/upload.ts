import { request } from 'node:http';
import { systemClock } from '@ambit/core/clock';
import { pause } from '../check.ts';
import type { UploadOptions, UploadReport } from './requests-options.ts';

/** Milliseconds between two parts of a body: long enough for the first to arrive alone. */
const BETWEEN_PARTS = 20;

/** Sends bodies part by part and says how each was answered. */
async function uploadAll(options: UploadOptions): Promise<UploadReport> {
  const endings: string[] = [];
  const batch = systemClock.wallTime();
  for (let n = 0; n < options.count; n++) endings.push(await upload(options, `${batch}-${n}`));
  return { endings };
}

async function upload({ host, port, path, part, parts, timeout }: UploadOptions, name: string): Promise<string> {
  let ending: string | undefined;
  const over = new Promise<void>((resolve) => {
    const finish = (how: string): void => {
      ending ??= how;
      resolve();
    };
    const call = request({
      ...{ host, port, path, method: 'POST', agent: false, headers: { 'x-upload': name } },
      signal: AbortSignal.timeout(timeout),
    });
    call.on('error', (error: NodeJS.ErrnoException) => {
      finish(error.code ?? error.message);
    });
    call.on('response', (response) => {
      response.on('error', () => undefined);
      response.resume();
      finish(String(response.statusCode));
    });
    const write = async (): Promise<void> => {
      for (let n = 0; n < parts && ending === undefined; n++) {
        call.write(Buffer.alloc(part, 'x'));
        await pause(systemClock, BETWEEN_PARTS);
      }
      call.end();
    };
    void write();
  });
  await over;
  return ending ?? '';
}

if (process.argv[1] === import.meta.filename) {
  console.log(JSON.stringify(await uploadAll(JSON.parse(process.argv[2] ?? '{}') as UploadOptions)));
  process.exit();
}
