import { type Rendered, nameOf } from './rendered.ts';

interface SecurityContext {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly resources?: { readonly requests?: Readonly<Record<string, string>> };
  readonly securityContext?: SecurityContext;
}

/** A pod's specification, as far as the tests look at it. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly priorityClassName?: string;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly securityContext?: SecurityContext;
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
}

/** The pod specifications of what runs pods, by the name of the object. */
export function podSpecs(objects: readonly Rendered[]): Map<string, PodSpec> {
  const found = new Map<string, PodSpec>();
  for (const object of objects) {
    const spec = object['spec'] as { readonly template?: { readonly spec: PodSpec } } | undefined;
    if (['DaemonSet', 'Deployment', 'Job'].includes(object.kind) && spec?.template !== undefined) {
      found.set(nameOf(object), spec.template.spec);
    }
  }
  return found;
}
