import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { type ChargeReply, ChargeReplySchema, type ChargeRequest } from './gen/payments_pb.ts';
import { run } from './lifecycle.ts';
import { charge } from './payments-contract.ts';
import { port } from './settings.ts';

let charged = 0;

// Every charge succeeds; the receipt counts them.
const handle: handleUnaryCall<ChargeRequest, ChargeReply> = (call, reply) => {
  charged += 1;
  const receipt = `${call.request.order}: ${call.request.cents} cents, receipt ${charged}`;
  reply(null, create(ChargeReplySchema, { receipt, marker: call.request.marker }));
};

const server = new Server();
server.addService({ charge }, { charge: handle });

await run({
  name: 'payments',
  start: () =>
    new Promise((resolve, reject) => {
      server.bindAsync(`[::]:${String(port('PORT', 9090))}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    }),
  finish: () =>
    new Promise((resolve, reject) => {
      server.tryShutdown((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    }),
});
