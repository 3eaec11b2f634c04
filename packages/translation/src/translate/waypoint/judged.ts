import { valueOf } from '../../labels.ts';
import type { AuthorizationPolicy, RequestAuthentication } from '../../objects.ts';
import { targetsOf } from '../authorization-policy.ts';
import { asksForTokens } from '../request-authentication.ts';
import type { MeshModel } from '../mesh-model.ts';
import type { TranslationSettings } from '../settings.ts';

/** What policies with targets wait for at a waypoint. Policies that only watch (AUDIT, dry run) judge nothing. */
export class JudgedTargets {
  /** `namespace/Kind/name`; classes without namespace. */
  readonly #targets = new Set<string>();

  constructor(model: MeshModel, settings: TranslationSettings) {
    for (const policy of model.authorizationPolicies.values()) if (judges(policy)) this.#add(policy, settings);
    for (const policy of model.requestAuthentications.values()) if (asksForTokens(policy)) this.#add(policy, settings);
  }

  #add(policy: AuthorizationPolicy | RequestAuthentication, { rootNamespace }: TranslationSettings): void {
    const { namespace } = policy.metadata;
    for (const { kind, name } of targetsOf(policy)) {
      if (kind !== 'GatewayClass') this.#targets.add(`${namespace}/${kind}/${name}`);
      // One namespace must not speak for the waypoints of all others.
      else if (namespace === rootNamespace) this.#targets.add(`GatewayClass/${name}`);
    }
  }

  /** Whether a policy judges an object by itself, its waypoint, or the class of that. */
  has(
    object: { kind: string; metadata: { namespace: string; name: string } },
    waypoint: string,
    classes: readonly string[],
  ): boolean {
    const { kind, metadata } = object;
    const [namespace = '', name = ''] = waypoint.split('/');
    return (
      this.#targets.has(`${metadata.namespace}/${kind}/${metadata.name}`) ||
      this.#targets.has(`${namespace}/Gateway/${name}`) ||
      classes.some((gatewayClass) => this.#targets.has(`GatewayClass/${gatewayClass}`))
    );
  }
}

function judges({ spec, metadata }: AuthorizationPolicy): boolean {
  return spec.action !== 'AUDIT' && valueOf(metadata.annotations, 'istio.io/dry-run') !== 'true';
}
