import { type IpAddress, parseIp } from '@ambit/core/address';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { POD_ADDRESSES } from '../limits.ts';

/** What the plugin says of a new sandbox, in the names that Istio's plugin uses too. */
export interface AddRequest {
  /** Path of the network namespace on the node. */
  readonly netns: string;
  readonly name: string;
  readonly namespace: string;
  /** Undefined when the plugin does not send it. */
  readonly uid: string | undefined;
  readonly ips: readonly IpAddress[];
  /** False: the pod starts without the agent's consent, too. */
  readonly mustWait: boolean;
}

const NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** Reads `{Netns, PodName, PodNamespace, PodUID?, IPs: [{Address: {IP}}], MustWait?}`. Throws `AMBIT_CNI_REQUEST`. */
export function parseAddRequest(body: string): AddRequest {
  const request = decode(body);
  const { Netns: netns, PodName: name, PodNamespace: namespace, PodUID: uid, IPs: ips } = request;
  if (typeof netns !== 'string' || !netns.startsWith('/') || netns.length > 4_096)
    throw wrong('Netns', 'no absolute path');
  if (typeof name !== 'string' || !NAME.test(name)) throw wrong('PodName', 'not the name of a pod');
  if (typeof namespace !== 'string' || !NAME.test(namespace))
    throw wrong('PodNamespace', 'not the name of a namespace');
  if (uid !== undefined && (typeof uid !== 'string' || !/^[A-Za-z0-9._-]{1,128}$/.test(uid)))
    throw wrong('PodUID', 'not the uid of a pod');
  if (!Array.isArray(ips) || ips.length > POD_ADDRESSES)
    throw wrong('IPs', `no list of at most ${POD_ADDRESSES} addresses`);
  return { netns, name, namespace, uid, ips: ips.map(addressOf), mustWait: request.MustWait !== false };
}

function addressOf(entry: unknown): IpAddress {
  const address = fieldOf(entry, 'Address');
  const text = fieldOf(address, 'IP');
  const ip = typeof text === 'string' ? parseIp(text) : undefined;
  if (ip === undefined) throw wrong('IPs', 'one of them is no address');
  return ip;
}

function decode(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw wrong('body', messageOf(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('body', 'no object');
  return value as Record<string, unknown>;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function wrong(field: string, why: string): AmbitError {
  return new AmbitError('AMBIT_CNI_REQUEST', `the plugin's request is wrong in ${field}: ${why}`, { source: 'peer' });
}
