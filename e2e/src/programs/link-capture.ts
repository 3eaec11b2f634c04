// Watches an interface of the network namespace that it runs in, and says what passed between pods of the mesh. It ends
// when its time is over, or when what it reads ends.
import { openSync } from 'node:fs';
import { systemClock } from '@ambit/core/clock';
import { LinkTap } from '@ambit/local/bed/link-tap';
import { LinkWitness, type LinkReport } from '@ambit/local/check/capture/link-witness';

/** Parameters. */
export interface LinkCaptureOptions {
  readonly device: string;
  /** Addresses of pods between which there may be nothing but TLS 1.3 to or from port 15008. */
  readonly meshed: readonly string[];
  /** What requests carry and no packet between them may show. */
  readonly marker: string;
  /** Milliseconds. */
  readonly duration: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as LinkCaptureOptions;
const witness = new LinkWitness(options.meshed, options.marker);
const tap = new LinkTap(openSync('/proc/self/ns/net', 'r'), options.device, (frame) => witness.frame(frame));
await new Promise<void>((resolve) => systemClock.setTimeout(resolve, options.duration));
await tap.stop();
process.stdout.write(`${JSON.stringify(witness.report() satisfies LinkReport)}\n`, () => process.exit());
