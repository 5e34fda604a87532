import type { Container, Pod } from '../../../protocol/types.ts';
import { cpuMillis, memoryBytes, parseQuantity } from '../../../protocol/values/quantity.ts';

/** What a container's environment may ask of its pod and its node. */
export interface PodFacts {
  nodeName: string;
  hostIP: string;
  podIP: string;
  /** What a limit that is not set stands for. */
  allocatable: Readonly<Record<string, string>>;
}

/**
 * The complete environment: values with `$(VAR)` expanded from the variables before them, fieldRefs and resourceFieldRefs resolved. A reference to a field that
 * is not known is left out and named in `missing`.
 */
export function environmentOf(pod: Pod, container: Container, facts: PodFacts): { env: Record<string, string>; missing: string[] } {
  const env: Record<string, string> = {};
  const missing: string[] = [];
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) {
      const field = fieldOf(pod, valueFrom.fieldRef.fieldPath, facts);
      if (field === undefined) missing.push(`env ${name}: field ${valueFrom.fieldRef.fieldPath}`);
      else env[name] = field;
    } else if (valueFrom?.resourceFieldRef !== undefined) {
      const { resource, divisor, containerName } = valueFrom.resourceFieldRef;
      const of = pod.spec.containers.find((candidate) => candidate.name === containerName) ?? container;
      const field = resourceOf(of, resource, divisor, facts);
      if (field === undefined) missing.push(`env ${name}: resource ${resource}`);
      else env[name] = field;
    } else if (valueFrom !== undefined) {
      if (!isOptional(valueFrom)) missing.push(`env ${name}: only fieldRef and resourceFieldRef are known here`);
    } else {
      env[name] = expand(value ?? '', env);
    }
  }
  return { env, missing };
}

function isOptional(source: { configMapKeyRef?: { optional?: boolean }; secretKeyRef?: { optional?: boolean } }): boolean {
  return source.configMapKeyRef?.optional === true || source.secretKeyRef?.optional === true;
}

/** `$(VAR)` becomes its value, `$$` a single `$`; an unknown VAR stays as written. Source: third_party/forked/golang/expansion. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:(\$)|\(([^()]*)\))/g, (whole, dollar: string | undefined, name: string | undefined) => {
    if (dollar !== undefined) return '$';
    return name !== undefined && Object.hasOwn(env, name) ? (env[name] ?? '') : whole;
  });
}

/** A field of the downward API; undefined for one that is not known. */
export function fieldOf(pod: Pod, path: string, facts: PodFacts): string | undefined {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (subscript !== null) {
    const [, map, key = ''] = subscript;
    return (map === 'labels' ? metadata.labels : metadata.annotations)?.[key] ?? '';
  }
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    case 'spec.nodeName':
      return facts.nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIP;
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIP;
    default:
      return undefined;
  }
}

/** `limits.cpu` and its like, in units of the divisor, rounded up. An absent limit is what the node can give. */
export function resourceOf(container: Container, resource: string, divisor: string | undefined, facts: PodFacts): string | undefined {
  const [list, name = ''] = resource.split('.');
  if ((list !== 'limits' && list !== 'requests') || (name !== 'cpu' && name !== 'memory')) return undefined;
  const limit = container.resources?.limits?.[name];
  const value = list === 'limits' ? (limit ?? facts.allocatable[name]) : (container.resources?.requests?.[name] ?? limit);
  const amount = value === undefined ? 0 : measure(name, value);
  // Kubernetes writes a divisor that is not set as `0`, and means 1.
  const given = divisor === undefined ? undefined : parseQuantity(divisor);
  const unit = given === undefined || given.nanos === 0n || divisor === undefined ? measure(name, '1') : measure(name, divisor);
  return String(Math.ceil(amount / unit));
}

function measure(name: 'cpu' | 'memory', quantity: string): number {
  return name === 'cpu' ? cpuMillis(quantity) : memoryBytes(quantity);
}
