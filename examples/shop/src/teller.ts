import { argv } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  type StatusObject,
  credentials,
} from '@grpc/grpc-js';
import { type ChargeReply, type ChargeRequest, ChargeRequestSchema } from './gen/payments_pb.ts';
import { MOST_CENTS, VERSION_TRAILER, charge, chargeInInstalments, chargeMany } from './payments-contract.ts';
import { MARKER } from './settings.ts';

// Tries every kind of call at payments over one connection and prints what came back, as JSON: `node teller.js HOST:PORT
// CHARGES [ROUNDS]`, with rounds of calls beside streams that nobody reads.

const [, , address = 'payments:9090', charges = '100'] = argv;

/** Messages of each stream. */
const STREAMED = 50;
/** A charge that takes longer than its deadline, in milliseconds. */
const DEADLINE = 300;
const THINKING = 3_000;
/** Charges of the single kind that are under way at once. */
const AT_ONCE = 10;

/** Streams that are not read, with messages of a few kilobytes so that they fill what lies on the way. */
const STALLED = 16;
const LONG_ORDER = 'of a slow reader '.repeat(500);
/** Milliseconds for that. */
const FILLED_AFTER = 1_000;
/** Rounds with and without them, and charges in each. */
const ROUNDS = Number(argv[4] ?? '0');
const PACED = 200;

/** How a call ended. */
interface Ending {
  readonly code: number;
  readonly details: string;
  /** The version in the trailing metadata. */
  readonly trailer: string;
}

const client = new Client(address, credentials.createInsecure());
const serialize = charge.requestSerialize;
const deserialize = charge.responseDeserialize;

function request(cents: number, thinking = 0): ChargeRequest {
  return create(ChargeRequestSchema, { order: 'of a teller', cents, marker: MARKER, thinking });
}

/** One charge: the version that answered, or how it was refused. `deadline` in milliseconds from now. */
function single(message: ChargeRequest, deadline: number): Promise<{ version: string; ending: Ending }> {
  return new Promise((resolve) => {
    let version = '';
    let failure: ServiceError | null = null;
    const options = { deadline: Date.now() + deadline };
    const call = client.makeUnaryRequest(
      ...([charge.path, serialize, deserialize, message, new Metadata(), options] as const),
      (error, reply) => {
        failure = error;
        version = reply?.version ?? '';
      },
    );
    call.on('status', (status) => {
      // The reply is told in the same turn.
      setImmediate(() => {
        resolve({ version, ending: endingOf(status, failure?.details) });
      });
    });
  });
}

/** The answers of a stream, and how it ended. */
async function drain(
  call: ClientReadableStream<ChargeReply> | ClientDuplexStream<ChargeRequest, ChargeReply>,
): Promise<{ messages: number; versions: string[]; ending: Ending }> {
  const versions = new Set<string>();
  let messages = 0;
  const ending = new Promise<Ending>((resolve) => {
    call.on('error', () => undefined);
    call.on('status', (status: StatusObject) => {
      resolve(endingOf(status));
    });
  });
  call.on('data', (reply: ChargeReply) => {
    messages += 1;
    versions.add(reply.version);
  });
  return { ending: await ending, messages, versions: [...versions] };
}

function open(
  method: MethodDefinition<ChargeRequest, ChargeReply>,
  message: ChargeRequest,
): ClientReadableStream<ChargeReply> {
  return client.makeServerStreamRequest(method.path, serialize, deserialize, message);
}

function endingOf({ code, details, metadata }: StatusObject, said = details): Ending {
  return { code, details: said, trailer: String(metadata.get(VERSION_TRAILER)[0] ?? '') };
}

/** Charges one after the other on ten lines at once; how often each version answered, and what failed. */
async function manySingle(count: number): Promise<{ versions: Record<string, number>; failed: Ending[] }> {
  const versions: Record<string, number> = {};
  const failed: Ending[] = [];
  let begun = 0;
  const line = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      const { version, ending } = await single(request(1), 10_000);
      if (ending.code === 0 && ending.trailer === version) versions[version] = (versions[version] ?? 0) + 1;
      else failed.push(ending);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
  return { versions, failed };
}

/** Sends each message when the one before was answered. */
async function conversation(): ReturnType<typeof drain> {
  const call = client.makeBidiStreamRequest(chargeMany.path, serialize, deserialize);
  const over = drain(call);
  for (let n = 0; n < STREAMED; n++) {
    const answered = new Promise((resolve) => call.once('data', resolve));
    call.write(request(1));
    await Promise.race([answered, over, sleep(5_000, undefined, { ref: false })]);
  }
  call.end();
  return over;
}

/** The p90 of single charges, in milliseconds, one after the other. */
async function pace(): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < PACED; n++) {
    const begin = performance.now();
    await single(request(1), 10_000);
    times.push(performance.now() - begin);
  }
  return times.sort((a, b) => a - b)[Math.floor(PACED * 0.9)] ?? 0;
}

/** The same while streams of the same connection are asked for and not read; cancelled afterwards. */
async function paceBesideStalled(): Promise<number> {
  const stalled = Array.from({ length: STALLED }, () => {
    const call = open(chargeInInstalments, create(ChargeRequestSchema, { order: LONG_ORDER, cents: MOST_CENTS }));
    call.on('error', () => undefined);
    // Read once, so that it has begun, and never again.
    call.once('readable', () => call.read());
    return call;
  });
  await sleep(FILLED_AFTER);
  const result = await pace();
  for (const call of stalled) call.cancel();
  await sleep(FILLED_AFTER / 5);
  return result;
}

/** Medians over interleaved rounds, in milliseconds. */
async function stallRounds(): Promise<{ rounds: number; alone: number; beside: number; ratio: number }> {
  const [alone, beside, ratios]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await pace());
    beside.push(await paceBesideStalled());
    ratios.push((beside[round] ?? 0) / (alone[round] ?? 1));
  }
  const middle = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
  return { rounds: ROUNDS, alone: middle(alone), beside: middle(beside), ratio: middle(ratios) };
}

const singles = await manySingle(Number(charges));
const instalments = await drain(open(chargeInInstalments, request(STREAMED)));
const talked = await conversation();
const refused = (await single(request(MOST_CENTS + 1), 10_000)).ending;
const refusedStream = await drain(open(chargeInInstalments, request(MOST_CENTS + 1)));
const begin = performance.now();
const late = (await single(request(1, THINKING), DEADLINE)).ending;
const lateAfter = Math.round(performance.now() - begin);
const stall = await stallRounds();
client.close();
console.log(
  JSON.stringify({ singles, streamed: STREAMED, instalments, talked, refused, refusedStream, late, lateAfter, stall }),
);
