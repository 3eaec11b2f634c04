import { connect } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import { ChargeRequestSchema } from './gen/payments_pb.ts';
import { CALL_TIMEOUT, get } from './get.ts';
import { charge } from './payments-contract.ts';
import { MARKER, MARKER_HEADER, address } from './settings.ts';
import type { TraceFields } from './trace-fields.ts';

export interface Item {
  readonly name: string;
  readonly cents: number;
}

/** The catalog's items, over HTTP. */
export async function fetchItems(trace: TraceFields): Promise<readonly Item[]> {
  const answer = await get(`${address('CATALOG_URL', 'http://catalog:8080')}/items`, trace);
  if (answer.status !== 200) throw new Error(`catalog answered ${answer.status}`);
  return JSON.parse(answer.body) as Item[];
}

export interface Fee {
  /** Of payments. */
  readonly version: string;
  readonly cents: number;
}

/** What a payment costs, over HTTP. */
export async function fetchFee(trace: TraceFields): Promise<Fee> {
  const answer = await get(`${address('FEES_URL', 'http://payments:8080')}/fee`, trace);
  if (answer.status !== 200) throw new Error(`payments answered ${answer.status}`);
  return JSON.parse(answer.body) as Fee;
}

const payments = new Client(address('PAYMENTS_ADDRESS', 'payments:9090'), credentials.createInsecure());

/** Charges an order over gRPC; all charges share one connection. */
export function chargeOrder(order: string, cents: number, trace: TraceFields): Promise<string> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trace)) metadata.set(name, value);
  metadata.set(MARKER_HEADER, MARKER);
  const message = create(ChargeRequestSchema, { order, cents, marker: MARKER });
  return new Promise((resolve, reject) => {
    payments.makeUnaryRequest(
      charge.path,
      charge.requestSerialize,
      charge.responseDeserialize,
      message,
      metadata,
      { deadline: Date.now() + CALL_TIMEOUT },
      (error, reply) => {
        if (error === null && reply !== undefined) resolve(reply.receipt);
        else reject(new Error(`payments: ${error?.message ?? 'no reply'}`));
      },
    );
  });
}

/** The line that the greeter says first. */
export function greeting(): Promise<string> {
  const [host = '', port = ''] = address('GREETER_ADDRESS', 'greeter:7000').split(':');
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), timeout: CALL_TIMEOUT });
    let said = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      said += text;
      if (said.includes('\n')) socket.end();
    });
    socket.on('timeout', () => socket.destroy(new Error('the greeter says nothing')));
    socket.on('error', reject);
    socket.on('close', () => {
      if (said.includes('\n')) resolve(said.slice(0, said.indexOf('\n')));
      else reject(new Error('the greeter left without a greeting'));
    });
  });
}

/** Ends the connection to payments. */
export function closeClients(): void {
  payments.close();
}
