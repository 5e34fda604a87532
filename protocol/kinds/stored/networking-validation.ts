import type { DraftObject } from '../../objects.ts';
import { childPath, forbidden, invalid, notSupported, required, tooLong } from '../../schema/field-errors.ts';
import type { IngressSpec, NetworkPolicySpec } from '../../types.ts';
import { isStrictPart, parseCidr } from '../../values/cidr.ts';
import {
  checkDns1035Label,
  checkDnsLabel,
  checkDnsSubdomain,
  checkDomainPrefixedPath,
  checkIpAddress,
  checkPathSegment,
  checkPort,
  checkPortName,
  checkPortNumber,
  checkWildcardSubdomain,
} from '../../values/names.ts';
import type { FieldError } from '../kind.ts';
import { validateLabelSelector } from '../label-selector.ts';

/** Kubernetes' rules for Ingresses and NetworkPolicies. Source: pkg/apis/networking/validation/validation.go (behaviour and wording). */

type Backend = NonNullable<IngressSpec['defaultBackend']>;
type HttpPath = NonNullable<NonNullable<IngressSpec['rules']>[number]['http']>['paths'][number];
type PolicyRule = NonNullable<NetworkPolicySpec['ingress']>[number];
type PolicyPort = NonNullable<PolicyRule['ports']>[number];
type Peer = NonNullable<PolicyRule['from']>[number];

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const BAD_ENDS = ['/..', '/.'];
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const MAX_CONTROLLER_BYTES = 250;

export function validateIngress(draft: DraftObject): FieldError[] {
  const { rules, defaultBackend, tls = [], ingressClassName } = draft.spec as IngressSpec;
  const errors: FieldError[] = [];
  if (defaultBackend !== undefined) errors.push(...validateBackend(defaultBackend, 'spec.defaultBackend'));
  else if ((rules ?? []).length === 0) errors.push(invalid('spec', rules ?? null, 'either `defaultBackend` or `rules` must be specified'));
  for (const [index, { host = '', http }] of (rules ?? []).entries()) {
    const at = childPath('spec.rules', index);
    if (host !== '') errors.push(...validateHost(host, childPath(at, 'host')));
    if (http === undefined) continue;
    const { paths = [] }: Partial<typeof http> = http;
    if (paths.length === 0) errors.push(required(childPath(at, 'http.paths')));
    for (const [number, path] of paths.entries()) errors.push(...validatePath(path, childPath(childPath(at, 'http.paths'), number)));
  }
  for (const [index, { hosts = [], secretName = '' }] of tls.entries()) {
    const at = childPath('spec.tls', index);
    for (const [number, host] of hosts.entries()) errors.push(...validateTlsHost(host, childPath(childPath(at, 'hosts'), number)));
    if (secretName !== '')
      errors.push(...checkDnsSubdomain(secretName).map((message) => invalid(childPath(at, 'secretName'), secretName, message)));
  }
  if (ingressClassName === undefined) return errors;
  return [...errors, ...checkDnsSubdomain(ingressClassName).map((message) => invalid('spec.ingressClassName', ingressClassName, message))];
}

/** Who serves it is said once. */
export function validateNewIngress({ metadata, spec }: DraftObject): FieldError[] {
  const annotated = metadata.annotations?.[CLASS_ANNOTATION];
  const { ingressClassName: named } = spec as IngressSpec;
  if (annotated === undefined || named === undefined || annotated === named) return [];
  return [invalid(`annotations.${CLASS_ANNOTATION}`, annotated, 'must match `ingressClassName` when both are specified')];
}

function validateHost(host: string, at: string): FieldError[] {
  const isAddress = checkIpAddress(host).length === 0;
  const errors = isAddress ? [invalid(at, host, 'must be a DNS name, not an IP address')] : [];
  return [...errors, ...validateTlsHost(host, at)];
}

function validateTlsHost(host: string, at: string): FieldError[] {
  const check = host.includes('*') ? checkWildcardSubdomain : checkDnsSubdomain;
  return check(host).map((message) => invalid(at, host, message));
}

function validatePath(each: HttpPath, at: string): FieldError[] {
  const { path = '', pathType, backend = {} }: Partial<HttpPath> = each;
  if (pathType === undefined) return [required(childPath(at, 'pathType'), 'pathType must be specified')];
  const own = childPath(at, 'path');
  const errors: FieldError[] = [];
  const wrong = (detail: string): void => void errors.push(invalid(own, path, detail));
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!path.startsWith('/')) wrong('must be an absolute path');
    for (const sequence of BAD_SEQUENCES) if (path.includes(sequence)) wrong(`must not contain '${sequence}'`);
    for (const end of BAD_ENDS) if (path.endsWith(end)) wrong(`cannot end with '${end}'`);
  } else if (pathType === 'ImplementationSpecific') {
    if (path !== '' && !path.startsWith('/')) wrong('must be an absolute path');
  } else errors.push(notSupported(childPath(at, 'pathType'), pathType, PATH_TYPES));
  return [...errors, ...validateBackend(backend, childPath(at, 'backend'))];
}

function validateBackend({ service, resource }: Backend, at: string): FieldError[] {
  if (service !== undefined && resource !== undefined) return [invalid(at, '', 'cannot set both resource and service backends')];
  if (resource !== undefined) return validateReference(resource, childPath(at, 'resource'));
  if (service === undefined) return [invalid(at, '', 'resource or service backend is required')];
  const { name = '', port: { name: portName = '', number = 0 } = {} }: Partial<typeof service> = service;
  const path = childPath(at, 'service.name');
  const errors = name === '' ? [required(path)] : checkDns1035Label(name).map((message) => invalid(path, name, message));
  if (portName !== '' && number !== 0) errors.push(invalid(at, '', 'cannot set both port name & port number'));
  else if (portName !== '')
    errors.push(...checkPortName(portName).map((message) => invalid(childPath(at, 'service.port.name'), portName, message)));
  else if (number !== 0)
    errors.push(...checkPortNumber(number).map((message) => invalid(childPath(at, 'service.port.number'), number, message)));
  else errors.push(required(at, 'port name or number is required'));
  return errors;
}

interface Reference {
  apiGroup?: string;
  kind?: string;
  name?: string;
}

function validateReference({ apiGroup, kind = '', name = '' }: Reference, at: string): FieldError[] {
  const errors = apiGroup === undefined ? [] : checkDnsSubdomain(apiGroup).map((message) => invalid(`${at}.apiGroup`, apiGroup, message));
  for (const [field, value] of Object.entries({ kind, name })) {
    const path = childPath(at, field);
    if (value === '') errors.push(required(path));
    else errors.push(...checkPathSegment(value).map((message) => invalid(path, value, message)));
  }
  return errors;
}

interface ClassSpec {
  controller?: string;
  parameters?: Reference & { scope?: string; namespace?: string };
}

export function validateIngressClass(draft: DraftObject): FieldError[] {
  const { controller = '', parameters } = (draft.spec ?? {}) as ClassSpec;
  const at = 'spec.controller';
  const errors = controller === '' ? [required(at)] : [];
  if (Buffer.byteLength(controller) > MAX_CONTROLLER_BYTES) errors.push(tooLong(at, MAX_CONTROLLER_BYTES));
  if (controller !== '') errors.push(...checkDomainPrefixedPath(controller).map(({ part, message }) => invalid(at, part, message)));
  if (parameters === undefined) return errors;
  const { scope = 'Cluster', namespace } = parameters;
  const path = 'spec.parameters.namespace';
  errors.push(...validateReference(parameters, 'spec.parameters'));
  if (scope === 'Cluster' && namespace !== undefined) errors.push(forbidden(path, "`parameters.scope` is set to 'Cluster'"));
  if (scope !== 'Namespace') return errors;
  if (namespace === undefined) return [...errors, required(path, "`parameters.scope` is set to 'Namespace'")];
  return [...errors, ...checkDnsLabel(namespace).map((message) => invalid(path, namespace, message))];
}

export function validateNetworkPolicy(draft: DraftObject): FieldError[] {
  const { podSelector = {}, ingress = [], egress = [], policyTypes = [] } = draft.spec as NetworkPolicySpec;
  const errors = [
    ...validateLabelSelector(podSelector, 'spec.podSelector'),
    ...ingress.flatMap(({ from, ports }, index) => validateRule(from, ports, `spec.ingress[${index}]`, 'from')),
    ...egress.flatMap(({ to, ports }, index) => validateRule(to, ports, `spec.egress[${index}]`, 'to')),
  ];
  const types = ['Ingress', 'Egress'];
  if (policyTypes.length > types.length)
    return [...errors, invalid('spec.policyTypes', policyTypes, 'may not specify more than two policyTypes')];
  for (const [index, type] of policyTypes.entries())
    if (!types.includes(type)) errors.push(notSupported(`spec.policyTypes[${index}]`, type, types));
  return errors;
}

function validateRule(peers: PolicyRule['from'] = [], ports: PolicyRule['ports'] = [], at: string, side: string): FieldError[] {
  return [
    ...ports.flatMap((port, index) => validatePolicyPort(port, `${at}.ports[${index}]`)),
    ...peers.flatMap((peer, index) => validatePeer(peer, `${at}.${side}[${index}]`)),
  ];
}

function validatePolicyPort({ port, endPort }: PolicyPort, at: string): FieldError[] {
  const [path, endPath] = [childPath(at, 'port'), childPath(at, 'endPort')];
  if (port === undefined)
    return endPort === undefined ? [] : [invalid(endPath, endPort, 'may not be specified when `port` is not specified')];
  const errors = checkPort(port).map((message) => invalid(path, port, message));
  if (endPort === undefined) return errors;
  if (typeof port === 'string') return [...errors, invalid(endPath, endPort, 'may not be specified when `port` is non-numeric')];
  if (endPort < port) errors.push(invalid(endPath, endPort, 'must be greater than or equal to `port`'));
  return [...errors, ...checkPortNumber(endPort).map((message) => invalid(endPath, endPort, message))];
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: Peer, at: string): FieldError[] {
  const errors = [
    ...validateLabelSelector(podSelector ?? {}, childPath(at, 'podSelector')),
    ...validateLabelSelector(namespaceSelector ?? {}, childPath(at, 'namespaceSelector')),
  ];
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
  if (ipBlock === undefined) return hasSelector ? errors : [required(at, 'must specify a peer')];
  errors.push(...validateBlock(ipBlock, childPath(at, 'ipBlock')));
  if (hasSelector) errors.push(forbidden(at, 'may not specify both ipBlock and another peer'));
  return errors;
}

function validateBlock(block: NonNullable<Peer['ipBlock']>, at: string): FieldError[] {
  const { cidr = '', except = [] }: Partial<typeof block> = block;
  const path = childPath(at, 'cidr');
  if (cidr === '') return [required(path)];
  const notOne = (where: string, text: string): FieldError =>
    invalid(where, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)');
  const outer = parseCidr(cidr);
  if (outer === undefined) return [notOne(path, cidr)];
  return except.flatMap((text, index) => {
    const own = childPath(childPath(at, 'except'), index);
    const inner = parseCidr(text);
    if (inner === undefined) return [notOne(own, text)];
    return isStrictPart(inner, outer) ? [] : [invalid(own, text, 'must be a strict subset of `cidr`')];
  });
}
