import type { Container, Pod } from '../../../protocol/types.ts';
import { cpuMillis, memoryBytes, parseQuantity } from '../../../protocol/values/quantity.ts';
import type { DnsFacts } from '../network/names/pod-dns.ts';
import { allContainers } from './containers.ts';
import { secretText } from './config-source.ts';
import type { ConfigData, ConfigSource } from './config-source.ts';

/** What a container's environment may ask of its pod and its node. */
export interface PodFacts {
  nodeName: string;
  hostIP: string;
  podIP: string;
  /** What a limit that is not set stands for. */
  allocatable: Readonly<Record<string, string>>;
  /** What the node has in all. */
  capacity?: Readonly<Record<string, string>>;
  /** Variables that tell of services: all others come before them. */
  serviceLinks?: Readonly<Record<string, string>>;
  /** Of names; left out where nobody tells pods any. */
  dns?: DnsFacts;
}

export interface Environment {
  env: Record<string, string>;
  /** Why the container can't be started yet, in kubelet's words: what the environment asks for is not there. */
  missing?: string;
}

/**
 * The complete environment: `envFrom` first, then `env`, whose values have `$(VAR)` expanded from the variables before them. Source of the order and of the
 * words: makeEnvironmentVariables in pkg/kubelet/kubelet_pods.go.
 */
export function environmentOf(pod: Pod, container: Container, facts: PodFacts, config: ConfigSource): Environment {
  const env: Record<string, string> = { ...facts.serviceLinks };
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const sources = [
      { ref: configMapRef, kind: 'configmap', read: config.configMap, text: (value: string) => value },
      { ref: secretRef, kind: 'secret', read: config.secret, text: secretText },
    ];
    for (const { ref, kind, read, text } of sources) {
      if (ref === undefined) continue;
      const found = read(ref.name ?? '');
      if (found === undefined && ref.optional !== true) return { env, missing: notFound(kind, ref.name) };
      for (const [key, value] of Object.entries(found?.data ?? {})) env[`${prefix}${key}`] = text(value);
    }
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom === undefined) {
      env[name] = expand(value ?? '', env);
      continue;
    }
    const got = valueOf(valueFrom, pod, container, facts, config);
    if ('missing' in got) return { env, missing: got.missing };
    if (got.value !== undefined) env[name] = got.value;
  }
  return { env };
}

function notFound(kind: string, name = ''): string {
  return `${kind} "${name}" not found`;
}

type ValueSource = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

/** No value where what is optional is not there. */
function valueOf(
  from: ValueSource,
  pod: Pod,
  container: Container,
  facts: PodFacts,
  config: ConfigSource,
): { value?: string } | { missing: string } {
  const namespace = pod.metadata.namespace ?? '';
  if (from.configMapKeyRef !== undefined) return keyOf(config.configMap, from.configMapKeyRef, 'configmap', 'ConfigMap', namespace);
  if (from.secretKeyRef !== undefined) {
    const got = keyOf(config.secret, from.secretKeyRef, 'secret', 'Secret', namespace);
    return 'value' in got && got.value !== undefined ? { value: secretText(got.value) } : got;
  }
  if (from.fieldRef !== undefined) {
    const value = fieldOf(pod, from.fieldRef.fieldPath, facts);
    return value === undefined ? { missing: `unsupported fieldPath: ${from.fieldRef.fieldPath}` } : { value };
  }
  const { resource = '', divisor, containerName } = from.resourceFieldRef ?? {};
  const of = containerName === undefined ? container : containerNamed(pod, containerName);
  if (of === undefined) return { missing: `container ${containerName} not found` };
  const value = resourceOf(of, resource, divisor, facts);
  return value === undefined ? { missing: `unsupported container resource : ${resource}` } : { value };
}

function keyOf(
  read: (name: string) => ConfigData | undefined,
  ref: { name?: string; key: string; optional?: boolean },
  kind: string,
  kindName: string,
  namespace: string,
): { value?: string } | { missing: string } {
  const found = read(ref.name ?? '');
  const value = found?.data?.[ref.key];
  if (value !== undefined) return { value };
  if (ref.optional === true) return {};
  return {
    missing: found === undefined ? notFound(kind, ref.name) : `couldn't find key ${ref.key} in ${kindName} ${namespace}/${ref.name ?? ''}`,
  };
}

/** Any container of the pod, those that run before included. */
export function containerNamed(pod: Pod, name: string): Container | undefined {
  return allContainers(pod.spec).find((candidate) => candidate.name === name);
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

/** All labels or annotations, one a line, as the downward API writes them into a file. */
export function mapText(map: Readonly<Record<string, string>> = {}): string {
  const keys = Object.keys(map).sort();
  return keys.map((key) => `${key}=${JSON.stringify(map[key])}`).join('\n');
}

/** `limits.cpu` and its like, in units of the divisor, rounded up. An absent limit is what the node can give. */
export function resourceOf(container: Container, resource: string, divisor: string | undefined, facts: PodFacts): string | undefined {
  const [list, name = ''] = resource.split('.');
  if ((list !== 'limits' && list !== 'requests') || !isMeasured(name)) return undefined;
  const limit = container.resources?.limits?.[name];
  const value = list === 'limits' ? (limit ?? facts.allocatable[name]) : (container.resources?.requests?.[name] ?? limit);
  const amount = value === undefined ? 0 : measure(name, value);
  // Kubernetes writes a divisor that is not set as `0`, and means 1.
  const given = divisor === undefined ? undefined : parseQuantity(divisor);
  const unit = given === undefined || given.nanos === 0n || divisor === undefined ? measure(name, '1') : measure(name, divisor);
  return String(Math.ceil(amount / unit));
}

function isMeasured(name: string): name is 'cpu' | 'memory' | 'ephemeral-storage' {
  return name === 'cpu' || name === 'memory' || name === 'ephemeral-storage';
}

function measure(name: 'cpu' | 'memory' | 'ephemeral-storage', quantity: string): number {
  return name === 'cpu' ? cpuMillis(quantity) : memoryBytes(quantity);
}
