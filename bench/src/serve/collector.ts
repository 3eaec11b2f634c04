/** `collector.js IP PORT`: takes reports of spans and prints a line for each, `report PATH OCTETS`. */
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

const [ip, port] = process.argv.slice(2);
createServer((request, response) => {
  void buffer(request).then((body) => {
    console.log(`report ${request.url ?? ''} ${body.length}`);
    response.writeHead(200, { 'content-type': request.headers['content-type'] ?? 'application/json' });
    // No field of the answer is set, in either encoding.
    response.end(request.headers['content-type'] === 'application/json' ? '{}' : '');
  });
}).listen(Number(port), ip, () => console.log('listening'));
