import type { DraftObject, KubeObject, StoredObject } from '../../objects.ts';
import { childPath, duplicate, forbidden, GoStruct, invalid, notSupported, required } from '../../schema/field-errors.ts';
import type { ServicePort, ServiceSpec } from '../../types.ts';
import { checkDnsSubdomain, checkIpAddress, checkPort, checkPortNumber, checkQualifiedName } from '../../values/names.ts';
import type { FieldError } from '../kind.ts';
import { validateLabels } from '../metadata.ts';
import { isCidr } from '../../values/cidr.ts';

/** Kubernetes' rules for Services. Source: validateService and ValidateServiceUpdate in pkg/apis/core/validation/validation.go (behaviour and wording). */

const HEADLESS = 'None';
/** Source: MaxClientIPServiceAffinitySeconds. */
const MAX_AFFINITY_SECONDS = 86_400;
const IPS = 'spec.clusterIPs';

function specOf(object: KubeObject | DraftObject): ServiceSpec {
  return object.spec ?? {};
}

export function validateService(draft: DraftObject): FieldError[] {
  const spec = specOf(draft);
  const { type = 'ClusterIP', ports = [], selector } = spec;
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(spec) && type !== 'ExternalName') errors.push(required('spec.ports'));
  if (isHeadless(spec) && (type === 'LoadBalancer' || type === 'NodePort'))
    errors.push(invalid(`${IPS}[0]`, HEADLESS, `may not be set to 'None' for ${type} services`));
  errors.push(...(type === 'ExternalName' ? validateExternalName(spec) : validateClusterIps(spec)));
  return [
    ...errors,
    ...validatePorts(ports, type),
    ...validateLabels(selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateBalancer(spec, type),
    ...validateTraffic(spec, type),
  ];
}

function isHeadless({ clusterIP = '', clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 0 ? clusterIP === HEADLESS : clusterIPs.length === 1 && clusterIPs[0] === HEADLESS;
}

function validateExternalName({
  clusterIP = '',
  clusterIPs = [],
  ipFamilies = [],
  ipFamilyPolicy,
  externalName = '',
}: ServiceSpec): FieldError[] {
  const refused: string[] = [];
  if (clusterIPs.length > 0 || clusterIP !== '') refused.push('clusterIPs');
  if (ipFamilies.length > 0) refused.push('ipFamilies');
  if (ipFamilyPolicy !== undefined) refused.push('ipFamilyPolicy');
  const errors = refused.map((field) => forbidden(`spec.${field}`, 'may not be set for ExternalName services'));
  const name = externalName.replace(/\.$/, '');
  if (name === '') return [...errors, required('spec.externalName')];
  return [...errors, ...checkDnsSubdomain(name).map((message) => invalid('spec.externalName', name, message))];
}

function validatePorts(ports: readonly ServicePort[], type: string): FieldError[] {
  const names = new Set<string>();
  const [nodePorts, numbers] = [new Set<string>(), new Set<string>()];
  return ports.flatMap((each, index) => {
    const at = childPath('spec.ports', index);
    const { name = '', protocol = 'TCP', port = 0, targetPort = port, nodePort = 0 }: Partial<ServicePort> = each;
    const errors: FieldError[] = [];
    const isNew = (taken: Set<string>, key: string): boolean => !taken.has(key) && taken.add(key).has(key);
    if (name === '' && ports.length > 1) errors.push(required(childPath(at, 'name')));
    if (name !== '' && !isNew(names, name)) errors.push(duplicate(childPath(at, 'name'), name));
    errors.push(...checkPort(targetPort).map((message) => invalid(childPath(at, 'targetPort'), targetPort, message)));
    if (nodePort !== 0) {
      if (type === 'ClusterIP') errors.push(forbidden(childPath(at, 'nodePort'), "may not be used when `type` is 'ClusterIP'"));
      if (!isNew(nodePorts, `${protocol}/${nodePort}`)) errors.push(duplicate(childPath(at, 'nodePort'), nodePort));
    }
    if (!isNew(numbers, `${protocol}/${port}`)) errors.push(duplicate(at, shownPort(protocol, port)));
    return errors;
  });
}

function shownPort(protocol: string, port: number): GoStruct {
  return new GoStruct({ Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 });
}

function validateAffinity({ sessionAffinity = 'None', sessionAffinityConfig: config }: ServiceSpec): FieldError[] {
  const at = 'spec.sessionAffinityConfig';
  if (sessionAffinity === 'None') return config === undefined ? [] : [forbidden(at, 'must not be set when session affinity is None')];
  if (sessionAffinity !== 'ClientIP') return [];
  const why = 'when session affinity type is ClientIP';
  if (config === undefined) return [required(at, why)];
  if (config.clientIP === undefined) return [required(`${at}.clientIP`, why)];
  const { timeoutSeconds: seconds } = config.clientIP;
  if (seconds === undefined) return [required(`${at}.clientIP.timeoutSeconds`, why)];
  if (seconds > 0 && seconds <= MAX_AFFINITY_SECONDS) return [];
  return [invalid(`${at}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`)];
}

/** Source: ValidateServiceClusterIPsRelatedFields. */
function validateClusterIps(spec: ServiceSpec): FieldError[] {
  const { clusterIP = '', clusterIPs = [], ipFamilies = [] } = spec;
  const errors: FieldError[] = [];
  if (clusterIP === '' && clusterIPs.length > 0) errors.push(invalid(IPS, clusterIPs, 'must be empty when `clusterIP` is not specified'));
  if (clusterIP !== '' && clusterIPs.length === 0) errors.push(required(IPS));
  if (clusterIP !== '' && clusterIPs.length > 0 && clusterIPs[0] !== clusterIP)
    errors.push(invalid(IPS, clusterIPs, 'first value must match `clusterIP`'));
  for (const [index, family] of ipFamilies.entries())
    if (ipFamilies.indexOf(family) < index) errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
  const before = errors.length;
  for (const [index, address] of clusterIPs.entries()) {
    if (index === 0 && address === HEADLESS) {
      if (clusterIPs.length > 1) errors.push(invalid(IPS, clusterIPs, "'None' must be the first and only value"));
    } else errors.push(...checkIpAddress(address).map((message) => invalid(`${IPS}[${index}]`, address, message)));
  }
  const areAddresses = errors.length === before;
  if (clusterIPs.length > 2) errors.push(invalid(IPS, clusterIPs, 'may only hold up to 2 values'));
  if (!areAddresses) return errors;
  const families = clusterIPs.map((address) => (address.includes(':') ? 'IPv6' : 'IPv4'));
  if (clusterIPs.length > 1 && new Set(families).size !== 2)
    errors.push(invalid(IPS, clusterIPs, 'may specify no more than one IP for each IP family'));
  if (isHeadless(spec)) return errors;
  for (const [index, address] of clusterIPs.entries()) {
    const family = ipFamilies[index];
    if (family !== undefined && family !== families[index])
      errors.push(invalid(`${IPS}[${index}]`, address, `expected an ${family} value as indicated by \`ipFamilies[${index}]\``));
  }
  return errors;
}

function validateBalancer(spec: ServiceSpec, type: string): FieldError[] {
  const { loadBalancerSourceRanges: ranges = [], allocateLoadBalancerNodePorts: allocates, loadBalancerClass: balancer } = spec;
  const errors: FieldError[] = [];
  const isBalanced = type === 'LoadBalancer';
  const why = "may only be used when `type` is 'LoadBalancer'";
  // By a name that the field does not have, as Kubernetes says it.
  const at = 'spec.LoadBalancerSourceRanges';
  if (ranges.length > 0 && !isBalanced) errors.push(forbidden(at, why));
  for (const [index, given] of ranges.entries()) {
    const range = given.trim();
    if (!isCidr(range)) errors.push(invalid(`${at}[${index}]`, range, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'));
  }
  if (allocates !== undefined && !isBalanced) errors.push(forbidden('spec.allocateLoadBalancerNodePorts', why));
  if (balancer === undefined) return errors;
  const path = 'spec.loadBalancerClass';
  if (!isBalanced) return [...errors, forbidden(path, why)];
  return [...errors, ...checkQualifiedName(balancer).map((message) => invalid(path, balancer, message))];
}

/** Source: validateServiceExternalTrafficPolicy. The port of health checks is never asked for: nothing answers on one. */
function validateTraffic(spec: ServiceSpec, type: string): FieldError[] {
  const { externalTrafficPolicy: policy = '', healthCheckNodePort: port = 0, externalIPs = [] } = spec;
  const errors: FieldError[] = [];
  const at = 'spec.externalTrafficPolicy';
  const isExposed = type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);
  if (!isExposed && policy !== '') errors.push(invalid(at, policy, 'may only be set for externally-accessible services'));
  if (isExposed && policy !== '' && policy !== 'Cluster' && policy !== 'Local') errors.push(notSupported(at, policy, ['Cluster', 'Local']));
  const path = 'spec.healthCheckNodePort';
  if (port === 0) return errors;
  if (type === 'LoadBalancer' && policy === 'Local')
    return [...errors, ...checkPortNumber(port).map((message) => invalid(path, port, message))];
  return [...errors, invalid(path, port, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'")];
}

export function validateServiceUpdate(before: StoredObject, after: DraftObject): FieldError[] {
  const [old, now] = [specOf(before), specOf(after)];
  const errors: FieldError[] = [];
  const isNamed = old.type === 'ExternalName' || now.type === 'ExternalName';
  if (!isNamed && !(isHeadless(old) && isHeadless(now))) {
    errors.push(...validateKept(old, now));
    if (isHeadless(old) === isHeadless(now) && old.ipFamilies?.[0] !== undefined && now.ipFamilies?.[0] !== old.ipFamilies[0])
      errors.push(invalid('spec.ipFamilies[0]', now.ipFamilies ?? null, 'may not change once set'));
  }
  const areBalanced = old.type === 'LoadBalancer' && now.type === 'LoadBalancer';
  if (areBalanced && old.loadBalancerClass !== now.loadBalancerClass)
    errors.push(invalid('spec.loadBalancerClass', now.loadBalancerClass ?? null, 'may not change once set'));
  const checks = (spec: ServiceSpec): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
  if (checks(old) && checks(now) && (old.healthCheckNodePort ?? 0) !== (now.healthCheckNodePort ?? 0))
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  return errors;
}

/** Source: validateUpgradeDowngradeClusterIPs. */
function validateKept({ clusterIPs: old = [] }: ServiceSpec, { clusterIPs: now = [] }: ServiceSpec): FieldError[] {
  if (old.length > 0 && now.length === 0) return [invalid(`${IPS}[0]`, now, 'primary clusterIP can not be unset')];
  const compared = old.length === now.length ? old : old.slice(0, 1);
  return compared.flatMap((address, index) =>
    address === now[index] ? [] : [invalid(`${IPS}[${index}]`, now, 'may not change once set')],
  );
}
