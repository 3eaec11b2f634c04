import { createServer } from 'node:http';
import { create } from '@bufbuild/protobuf';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  status,
} from '@grpc/grpc-js';
import { type ChargeReply, ChargeReplySchema, type ChargeRequest } from './gen/payments_pb.ts';
import { closed, listen, run } from './lifecycle.ts';
import { MOST_CENTS, VERSION_TRAILER, charge, chargeInInstalments, chargeMany } from './payments-contract.ts';
import { MARKER, MARKER_HEADER, VERSION, port } from './settings.ts';

/** What a payment costs the customer, in cents: v2 is cheaper. */
const FEE = VERSION === 'v1' ? 30 : 20;

let charged = 0;
const trailers = new Metadata();
trailers.set(VERSION_TRAILER, VERSION);

/** The receipt counts the charges of this process. */
function receiptOf({ order, cents, marker }: ChargeRequest): ChargeReply {
  charged += 1;
  return create(ChargeReplySchema, {
    receipt: `${order}: ${cents} cents, receipt ${charged}`,
    marker,
    version: VERSION,
  });
}

/** Why a charge is refused; undefined when it is not. */
function refusalOf({ cents }: ChargeRequest): ServerErrorResponse | undefined {
  if (cents <= MOST_CENTS) return undefined;
  const details = `${cents} cents are more than ${MOST_CENTS}`;
  return Object.assign(new Error(details), { code: status.INVALID_ARGUMENT, details, metadata: trailers });
}

const handleCharge: handleUnaryCall<ChargeRequest, ChargeReply> = (call, reply) => {
  const refusal = refusalOf(call.request);
  if (refusal !== undefined) {
    reply(refusal);
    return;
  }
  const answer = (): void => {
    reply(null, receiptOf(call.request), trailers);
  };
  if (call.request.thinking === 0) answer();
  else setTimeout(answer, call.request.thinking);
};

const handleInstalments: handleServerStreamingCall<ChargeRequest, ChargeReply> = (call) => {
  const refusal = refusalOf(call.request);
  if (refusal !== undefined) {
    call.emit('error', refusal);
    return;
  }
  let left = call.request.cents;
  // As fast as they are taken.
  const write = (): void => {
    while (left > 0 && !call.cancelled) {
      left -= 1;
      if (!call.write(receiptOf(call.request))) {
        call.once('drain', write);
        return;
      }
    }
    call.end(trailers);
  };
  write();
};

const handleMany: handleBidiStreamingCall<ChargeRequest, ChargeReply> = (call) => {
  call.on('data', (request: ChargeRequest) => {
    const refusal = refusalOf(request);
    if (refusal === undefined) call.write(receiptOf(request));
    else call.emit('error', refusal);
  });
  call.on('end', () => {
    call.end(trailers);
  });
};

const payments = new Server();
payments.addService(
  { charge, chargeInInstalments, chargeMany },
  { charge: handleCharge, chargeInInstalments: handleInstalments, chargeMany: handleMany },
);

// Answers GET /fee, for those who only want to know what it costs.
const fees = createServer((request, response) => {
  const found = request.method === 'GET' && request.url === '/fee';
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json', [MARKER_HEADER]: MARKER });
  response.end(JSON.stringify(found ? { version: VERSION, cents: FEE } : { error: 'no such page' }));
});

await run({
  name: 'payments',
  start: async () => {
    await listen(fees, port('HTTP_PORT', 8080));
    await new Promise<void>((resolve, reject) => {
      const address = `[::]:${String(port('PORT', 9090))}`;
      payments.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  },
  finish: async () => {
    await Promise.all([
      closed(fees),
      new Promise<void>((resolve, reject) => {
        payments.tryShutdown((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      }),
    ]);
  },
});
