import { createServer } from 'node:http';
import { chargeOrder, closeClients, fetchFee, fetchItems, greeting } from './clients.ts';
import { closed, listen, run } from './lifecycle.ts';
import { MARKER, MARKER_HEADER, log, port } from './settings.ts';
import { type TraceFields, traceFieldsOf } from './trace-fields.ts';

let orders = 0;

/** One visit: what there is, a line from the greeter, what paying costs, and a charge for the first item. */
async function visit(trace: TraceFields): Promise<object> {
  orders += 1;
  const [items, line, fee] = await Promise.all([fetchItems(trace), greeting(), fetchFee(trace)]);
  const receipt = await chargeOrder(`order ${orders}`, (items[0]?.cents ?? 0) + fee.cents, trace);
  return { items, greeting: line, fee, receipt };
}

// Answers GET / with a visit to the other three services, 502 when one of them fails.
const server = createServer((request, response) => {
  const answer = (status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json', [MARKER_HEADER]: MARKER });
    response.end(JSON.stringify(body));
  };
  if (request.method !== 'GET' || request.url !== '/') {
    answer(404, { error: 'no such page' });
    return;
  }
  visit(traceFieldsOf(request.headers)).then(
    (page) => {
      answer(200, page);
    },
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      log('storefront', 'visit failed', { reason });
      answer(502, { error: reason });
    },
  );
});

await run({
  name: 'storefront',
  start: () => listen(server, port('PORT', 8080)),
  finish: async () => {
    await closed(server);
    closeClients();
  },
});
