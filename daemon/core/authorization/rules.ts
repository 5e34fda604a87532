import type { PolicyRule } from '../../../protocol/types.ts';

/** What somebody wants to do: a verb on a resource, or on a path that is none. */
export type AccessRequest = ResourceAccess | PathAccess;

export interface ResourceAccess {
  verb: string;
  group: string;
  /** `pods`, or `pods/log`. */
  resource: string;
  /** Undefined: cluster-wide. */
  namespace: string | undefined;
  /** Undefined: all of them. */
  name: string | undefined;
}

export interface PathAccess {
  verb: string;
  path: string;
}

const ALL = '*';

/** Whether one rule allows it. Source: RulesAllow in k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac. */
export function ruleAllows(rule: PolicyRule, request: AccessRequest): boolean {
  if (!holds(rule.verbs, request.verb)) return false;
  if ('path' in request) return (rule.nonResourceURLs ?? []).some((url) => pathMatches(url, request.path));
  const { group, resource, name } = request;
  const names = rule.resourceNames ?? [];
  return (
    holds(rule.apiGroups, group) &&
    namesResource(rule.resources, resource) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

/**
 * What of `wanted` is not covered by `held`, cut into rules of one verb, group and resource each: as upstream says what somebody may not grant.
 * Source: Covers in k8s.io/component-helpers/auth/rbac/validation.
 */
export function uncoveredRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((part) => !held.some((rule) => covers(rule, part)));
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const parts: PolicyRule[] = nonResourceURLs.flatMap((url) => verbs.map((verb) => ({ verbs: [verb], nonResourceURLs: [url] })));
  for (const group of apiGroups) {
    for (const resource of resources) {
      for (const verb of verbs) {
        const part = { verbs: [verb], apiGroups: [group], resources: [resource] };
        if (resourceNames.length === 0) parts.push(part);
        for (const name of resourceNames) parts.push({ ...part, resourceNames: [name] });
      }
    }
  }
  return parts;
}

function covers(held: PolicyRule, part: PolicyRule): boolean {
  if (!part.verbs.every((verb) => holds(held.verbs, verb))) return false;
  const [url] = part.nonResourceURLs ?? [];
  if (url !== undefined)
    return (held.nonResourceURLs ?? []).some(
      (own) => own === ALL || own === url || (own.endsWith(ALL) && url.startsWith(own.slice(0, -1))),
    );
  const [names, wantedNames] = [held.resourceNames ?? [], part.resourceNames ?? []];
  const namesCovered = names.length === 0 || (wantedNames.length > 0 && wantedNames.every((name) => names.includes(name)));
  return (
    (part.apiGroups ?? []).every((group) => holds(held.apiGroups, group)) &&
    (part.resources ?? []).every((resource) => namesResource(held.resources, resource)) &&
    namesCovered
  );
}

/** As upstream prints a rule in refusals. */
export function formatRule(rule: PolicyRule): string {
  const fields = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['ResourceNames', rule.resourceNames],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['Verbs', rule.verbs],
  ] as const;
  const shown = fields.flatMap(([name, values]) =>
    values === undefined || values.length === 0 ? [] : [`${name}:[${values.map((value) => JSON.stringify(value)).join(', ')}]`],
  );
  return `{${shown.join(', ')}}`;
}

function holds(given: readonly string[] | undefined, wanted: string): boolean {
  return given?.some((value) => value === ALL || value === wanted) === true;
}

// `*` is all resources with their subresources; a star before the slash is that subresource of all.
function namesResource(given: readonly string[] | undefined, wanted: string): boolean {
  if (holds(given, wanted)) return true;
  const slash = wanted.indexOf('/');
  return slash >= 0 && given?.includes(`*${wanted.slice(slash)}`) === true;
}

function pathMatches(given: string, path: string): boolean {
  if (given === ALL || given === path) return true;
  return given.endsWith(ALL) && path.startsWith(given.slice(0, -1));
}
