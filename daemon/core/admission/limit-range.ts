/**
 * LimitRanges: defaults for what containers do not say, and bounds. Pure; the same for pods of people and of controllers. Source, behaviour and wording:
 * plugin/pkg/admission/limitranger.
 */
import type { LimitRangeItem, LimitRangeSpec } from 'kubernetes-types/core/v1.js';
import { compareQuantities, formatQuantity, type Quantity } from '../../../protocol/values/quantity.ts';
import type { Container, PodSpec } from '../../../protocol/types.ts';
import type { DesiredObject } from '../../../protocol/objects.ts';
import type { ClusterView } from '../cluster/view.ts';
import { amountsFrom, type Amounts } from './amounts.ts';
import { podAmounts } from './pod-resources.ts';

export const LIMIT_RANGES = 'limitranges';
type Texts = Readonly<Record<string, string>>;

/** Of a namespace, in the order of their names: of two defaults the first counts. */
export function limitItems(view: Pick<ClusterView, 'list'>, namespace: string): LimitRangeItem[] {
  return view
    .list(LIMIT_RANGES)
    .filter(({ object }) => object.metadata.namespace === namespace && object.metadata.deletionTimestamp === undefined)
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .flatMap(({ object }: DesiredObject) => (object.spec as LimitRangeSpec | undefined)?.limits ?? []);
}

/** The pod with what its containers leave out. The same object where nothing is added. */
export function withLimitDefaults(spec: PodSpec, items: readonly LimitRangeItem[]): PodSpec {
  const limits: Record<string, string> = {};
  const requests: Record<string, string> = {};
  for (const item of items) {
    if (item.type !== 'Container') continue;
    for (const [name, text] of Object.entries(item.default ?? {})) limits[name] ??= text;
    for (const [name, text] of Object.entries(item.defaultRequest ?? {})) requests[name] ??= text;
  }
  if (Object.keys(limits).length + Object.keys(requests).length === 0) return spec;
  const filled = (container: Container): Container => {
    const { resources } = container;
    const next = { ...resources, limits: { ...limits, ...resources?.limits }, requests: { ...requests, ...resources?.requests } };
    return { ...container, resources: { ...next, ...(Object.keys(next.limits).length === 0 ? { limits: undefined } : {}) } };
  };
  const { containers, initContainers } = spec;
  return {
    ...spec,
    containers: containers.map(filled),
    ...(initContainers === undefined ? {} : { initContainers: initContainers.map(filled) }),
  };
}

/** Why the bounds refuse a pod, a text each; as upstream's aggregate, which is in square brackets when there are several. */
export function limitsRefusal(spec: PodSpec, items: readonly LimitRangeItem[]): string | undefined {
  const problems = items.flatMap((item) => {
    if (item.type === 'Container')
      return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
        check(item, amountsFrom(resources?.requests), amountsFrom(resources?.limits)),
      );
    return item.type === 'Pod' ? check(item, podAmounts(spec, 'requests'), podAmounts(spec, 'limits')) : [];
  });
  return aggregate(problems);
}

export function claimRefusal(
  spec: { resources?: { requests?: Record<string, string> } },
  items: readonly LimitRangeItem[],
): string | undefined {
  const requests = amountsFrom(spec.resources?.requests);
  const problems = items
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap((item) => [
      ...each(item.min, (name, bound) => minimum(name, item.type, bound, requests, new Map())),
      ...each(item.max, (name, bound) => maximumRequest(name, item.type, bound, requests)),
    ]);
  return aggregate(problems);
}

function check({ type, min, max, maxLimitRequestRatio }: LimitRangeItem, requests: Amounts, limits: Amounts): string[] {
  return [
    ...each(min, (name, bound) => minimum(name, type, bound, requests, limits)),
    ...each(max, (name, bound) => maximum(name, type, bound, requests, limits)),
    ...each(maxLimitRequestRatio, (name, bound) => ratio(name, type, bound, requests, limits)),
  ];
}

function each(bounds: Texts | undefined, problem: (name: string, bound: string) => string | undefined): string[] {
  return Object.entries(bounds ?? {}).flatMap(([name, bound]) => problem(name, bound) ?? []);
}

const isLess = (left: Quantity, right: string): boolean => compareQuantities(formatQuantity(left), right) < 0;
const isMore = (left: Quantity, right: string): boolean => compareQuantities(formatQuantity(left), right) > 0;

function minimum(name: string, type: string, bound: string, requests: Amounts, limits: Amounts): string | undefined {
  const said = `minimum ${name} usage per ${type} is ${bound}`;
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (request === undefined) return `${said}.  No request is specified`;
  if (isLess(request, bound)) return `${said}, but request is ${formatQuantity(request)}`;
  return limit !== undefined && isLess(limit, bound) ? `${said}, but limit is ${formatQuantity(limit)}` : undefined;
}

function maximum(name: string, type: string, bound: string, requests: Amounts, limits: Amounts): string | undefined {
  const said = `maximum ${name} usage per ${type} is ${bound}`;
  const [request, limit] = [requests.get(name), limits.get(name)];
  if (limit === undefined) return `${said}.  No limit is specified`;
  if (isMore(limit, bound)) return `${said}, but limit is ${formatQuantity(limit)}`;
  return request !== undefined && isMore(request, bound) ? `${said}, but request is ${formatQuantity(request)}` : undefined;
}

function maximumRequest(name: string, type: string, bound: string, requests: Amounts): string | undefined {
  const said = `maximum ${name} usage per ${type} is ${bound}`;
  const request = requests.get(name);
  if (request === undefined) return `${said}.  No request is specified`;
  return isMore(request, bound) ? `${said}, but request is ${formatQuantity(request)}` : undefined;
}

function ratio(name: string, type: string, bound: string, requests: Amounts, limits: Amounts): string | undefined {
  const said = `${name} max limit to request ratio per ${type} is ${bound}`;
  const [request, limit] = [requests.get(name)?.nanos ?? 0n, limits.get(name)?.nanos ?? 0n];
  if (request === 0n) return `${said}, but no request is specified or request is 0`;
  if (limit === 0n) return `${said}, but no limit is specified or limit is 0`;
  const [allowed] = amountsFrom({ bound }).values();
  // limit / request > bound, without fractions.
  if (allowed === undefined || limit * 1_000_000_000n <= allowed.nanos * request) return undefined;
  return `${said}, but provided ratio is ${(Number(limit) / Number(request)).toFixed(6)}`;
}

function aggregate(problems: readonly string[]): string | undefined {
  const own = [...new Set(problems)];
  if (own.length === 0) return undefined;
  return own.length === 1 ? own[0] : `[${own.join(', ')}]`;
}
