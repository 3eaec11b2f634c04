import { AmbitError, messageOf } from '@ambit/core/errors';

/** The type of our plugin, which is the name of its program. */
export const PLUGIN_TYPE: string = 'ambit-cni';

/** Our entry in a network configuration list; what the plugin reads of it stands in plugin/config.go. */
export interface PluginEntry {
  readonly type: string;
  readonly cni_agent_run_dir: string;
  readonly exclude_namespaces: readonly string[];
  readonly pod_namespace: string;
}

interface NetworkList {
  readonly plugins: readonly Readonly<Record<string, unknown>>[];
}

/** Versions of the CNI specification in which a plugin gets the result of the one before it. */
const CHAINABLE = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];

/**
 * The text of a network configuration with our plugin as its last; undefined when it stands so already. What others wrote
 * is kept, in their order. A single configuration becomes a list. Throws `AMBIT_CNI_NETWORK_CONFIG`.
 */
export function withPlugin(text: string, file: string, entry: PluginEntry): string | undefined {
  const list = readList(text, file);
  const version = list.cniVersion;
  if (typeof version !== 'string' || !CHAINABLE.includes(version)) {
    const said = typeof version === 'string' ? JSON.stringify(version.slice(0, 32)) : 'missing';
    throw problem(file, `cniVersion is ${said}; a chained plugin needs one of ${CHAINABLE.join(', ')}`);
  }
  const others = list.plugins.filter(({ type }) => type !== PLUGIN_TYPE);
  if (others.length === 0) throw problem(file, 'it has no plugin that makes a network');
  const wanted = { ...list, plugins: [...others, entry] };
  const isThere = !isSingle(file) && JSON.stringify(wanted.plugins) === JSON.stringify(list.plugins);
  return isThere ? undefined : `${JSON.stringify(wanted, null, 2)}\n`;
}

/** The text without our plugin; undefined when it is not in it. Throws `AMBIT_CNI_NETWORK_CONFIG`. */
export function withoutPlugin(text: string, file: string): string | undefined {
  const list = readList(text, file);
  const others = list.plugins.filter(({ type }) => type !== PLUGIN_TYPE);
  if (others.length === list.plugins.length) return undefined;
  return `${JSON.stringify({ ...list, plugins: others }, null, 2)}\n`;
}

/** How many plugins of a list are not ours. */
export function otherPlugins(text: string, file: string): number {
  return readList(text, file).plugins.filter(({ type }) => type !== PLUGIN_TYPE).length;
}

/** Whether a file holds one plugin's configuration instead of a list, by its ending as libcni has it. */
export function isSingle(file: string): boolean {
  return !file.endsWith('.conflist');
}

function readList(text: string, file: string): NetworkList & Readonly<Record<string, unknown>> {
  const value = decode(text, file);
  if (isSingle(file)) {
    if (typeof value.type !== 'string') throw problem(file, 'the field type is missing');
    // As libcni makes a list of it.
    return { cniVersion: value.cniVersion, name: value.name, plugins: [value] };
  }
  const plugins: unknown = value.plugins;
  if (!Array.isArray(plugins) || !plugins.every(isObject))
    throw problem(file, 'the field plugins is no list of objects');
  return { ...value, plugins };
}

function decode(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw problem(file, `it is no JSON: ${messageOf(error)}`);
  }
  if (!isObject(value)) throw problem(file, 'it is no object');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function problem(file: string, why: string): AmbitError {
  return new AmbitError(
    'AMBIT_CNI_NETWORK_CONFIG',
    `the network configuration ${file} cannot take the plugin: ${why}`,
    {
      source: 'configuration',
      retryable: true,
    },
  );
}
