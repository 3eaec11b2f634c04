import { AmbitError } from '@ambit/core/errors';
import { inNamespace } from '@ambit/native/namespace';
import { type PodRedirection, podRules, podTables, releasedPodRules, removePodRules } from './pod-rules.ts';
import { podRoutes, removePodRoutes } from './pod-routes.ts';
import { applySysctls, loopbackHasIpv6, POD_SYSCTLS } from './pod-sysctls.ts';
import { differences } from './ruleset.ts';
import { runTool } from './tools.ts';

/** The pod whose namespace is changed. */
export interface CapturedPod {
  /** Descriptor of its network namespace. */
  readonly namespace: number;
  /** For messages, e.g. `shop/web`. */
  readonly name: string;
}

export interface ApplyOptions {
  /** Where a writable proc file system is mounted. Default `/proc`; a container needs the host's. */
  readonly proc?: string;
}

const NOTHING_TO_DELETE = /No such (?:file or directory|process)|FIB table does not exist/;
const ALREADY_THERE = /File exists/;

/**
 * What a pod's namespace needs from the moment a proxy listens in it, before anything is redirected. Repeating it is
 * harmless, and `applyInPod` does it too.
 */
export function prepareInPod(pod: CapturedPod, options: ApplyOptions = {}): void {
  inNamespace(pod.namespace, () => applySysctls(POD_SYSCTLS, options.proc ?? '/proc'));
}

/**
 * Redirects a pod: sysctls and reply routes first (without marks they do nothing), then all rules in one transaction,
 * then a look at what the kernel made of them. Repeating it is harmless. When it throws, either no rule was changed, or
 * (`AMBIT_CAPTURE_VERIFY`) something else writes to the same tables; what is redirected stays so, because the other way
 * would let traffic leave in the clear.
 */
export function applyInPod(pod: CapturedPod, redirection: PodRedirection, options: ApplyOptions = {}): void {
  const rules = podRules(redirection);
  inNamespace(pod.namespace, () => {
    applySysctls(POD_SYSCTLS, options.proc ?? '/proc');
    for (const family of families(redirection)) {
      ip(family, podRoutes(family), ALREADY_THERE, `route the replies of pod ${pod.name} (${family})`);
    }
    nft(rules, `write the rules of pod ${pod.name}`);
    const problems = differences(podTables(redirection), listRules(pod));
    if (problems.length > 0) {
      throw new AmbitError(
        'AMBIT_CAPTURE_VERIFY',
        `the rules of pod ${pod.name} are not as written: ${problems.join('; ')}`,
      );
    }
  });
}

/**
 * Redirects nothing new while what is already redirected goes on through the proxy. Follow it with `removeFromPod` when
 * those connections have ended.
 */
export function releaseInPod(pod: CapturedPod, redirection: PodRedirection): void {
  inNamespace(pod.namespace, () => nft(releasedPodRules(redirection), `take back the redirection of pod ${pod.name}`));
}

/**
 * Takes away rules and routes, however much of them is there. Connections that are still redirected break: the kernel no
 * longer translates them, and either end answers the other's packets with a reset.
 */
export function removeFromPod(pod: CapturedPod, redirection: PodRedirection): void {
  inNamespace(pod.namespace, () => takeAway(pod, redirection));
}

/** What of the redirection is missing or foreign in a pod, in words; empty when all is as written. */
export function verifyInPod(pod: CapturedPod, redirection: PodRedirection): string[] {
  return inNamespace(pod.namespace, () => differences(podTables(redirection), listRules(pod)));
}

/** Whether IPv6 rules make sense in a pod. */
export function podHasIpv6(pod: CapturedPod, options: ApplyOptions = {}): boolean {
  return inNamespace(pod.namespace, () => loopbackHasIpv6(options.proc ?? '/proc'));
}

function takeAway(pod: CapturedPod, redirection: PodRedirection): void {
  nft(removePodRules(), `remove the rules of pod ${pod.name}`);
  for (const family of families(redirection)) {
    ip(family, removePodRoutes(family), NOTHING_TO_DELETE, `remove the reply routes of pod ${pod.name} (${family})`);
  }
}

function nft(input: string, purpose: string): void {
  runTool('nft', ['-f', '-'], { input, purpose });
}

function ip(family: 'ipv4' | 'ipv6', input: string, harmless: RegExp, purpose: string): void {
  runTool('ip', [family === 'ipv4' ? '-4' : '-6', '-force', '-batch', '-'], { input, harmless, purpose });
}

function listRules(pod: CapturedPod): string {
  return runTool('nft', ['-n', 'list', 'ruleset', 'inet'], { purpose: `read the rules of pod ${pod.name}` });
}

function families({ ipv6 }: PodRedirection): ('ipv4' | 'ipv6')[] {
  return ipv6 ? ['ipv4', 'ipv6'] : ['ipv4'];
}
