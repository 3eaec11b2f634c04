import { createServer } from 'node:http';
import { closed, listen, run } from './lifecycle.ts';
import { MARKER, MARKER_HEADER, port } from './settings.ts';

/** What the shop sells. */
const ITEMS = [
  { name: 'lamp', cents: 4900 },
  { name: 'chair', cents: 12900 },
  { name: 'table', cents: 39900 },
];

// Answers GET /items with the list, whoever asks.
const server = createServer((request, response) => {
  const found = request.method === 'GET' && request.url === '/items';
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json', [MARKER_HEADER]: MARKER });
  response.end(JSON.stringify(found ? ITEMS : { error: 'no such page' }));
});

await run({ name: 'catalog', start: () => listen(server, port('PORT', 8080)), finish: () => closed(server) });
