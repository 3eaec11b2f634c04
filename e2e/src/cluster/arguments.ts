import { parseArgs } from 'node:util';
import { AmbitError, messageOf } from '@ambit/core/errors';

export const USAGE: string = `npm run cluster:up [-- --nodes N]                     builds what is missing, starts a cluster (default 2 nodes)
npm run cluster:status                                says whether it runs; exit code 1 when it does not
npm run cluster:down                                  ends it and removes everything it wrote
npm run --silent cluster:in -- [@NODE] COMMAND...     runs a command in the cluster's network, or inside a node
npm run cluster:load -- TAR...                        puts images into all nodes

AMBIT_CLUSTER names a cluster (default main), AMBIT_CACHE the folder for built parts and running clusters.
`;

export type Arguments =
  | { readonly verb: 'up'; readonly nodes: number }
  | { readonly verb: 'down' | 'help' | 'status' }
  | { readonly verb: 'in'; readonly node: string | undefined; readonly argv: readonly string[] }
  | { readonly verb: 'load'; readonly archives: readonly string[] };

/** Throws `AMBIT_CLUSTER_ARGUMENTS` with what is wrong. */
export function parseArguments(words: readonly string[]): Arguments {
  const [verb, ...rest] = words;
  switch (verb) {
    case 'up':
      return { verb, nodes: nodesOf(rest) };
    case 'down':
    case 'status':
      if (rest.length > 0) throw wrong(`${verb} takes no ${rest[0] ?? ''}`);
      return { verb };
    case 'in': {
      const node = rest[0]?.startsWith('@') === true ? rest[0].slice(1) : undefined;
      const argv = node === undefined ? rest : rest.slice(1);
      if (argv.length === 0) throw wrong('name a command, e.g. cluster:in -- kubectl get pods -A');
      return { verb, node, argv };
    }
    case 'load':
      if (rest.length === 0) throw wrong('name image archives');
      return { verb, archives: rest };
    case undefined:
    case 'help':
    case '--help':
      return { verb: 'help' };
    default:
      throw wrong(`unknown command ${JSON.stringify(verb)}`);
  }
}

function nodesOf(words: readonly string[]): number {
  let text: string;
  try {
    text = parseArgs({ args: [...words], options: { nodes: { type: 'string', default: '2' } } }).values.nodes;
  } catch (error) {
    throw wrong(messageOf(error));
  }
  if (!/^[0-9]{1,2}$/.test(text)) throw wrong(`--nodes ${text}: must be a number`);
  return Number(text);
}

function wrong(problem: string): AmbitError {
  return new AmbitError('AMBIT_CLUSTER_ARGUMENTS', problem, { source: 'configuration' });
}
