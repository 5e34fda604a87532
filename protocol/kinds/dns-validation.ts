import { childPath, invalid, required } from '../schema/field-errors.ts';
import type { PodSpec } from '../types.ts';
import { checkDnsSubdomain, checkIpAddress, checkUnderscoredSubdomain } from '../values/names.ts';
import type { FieldError } from './kind.ts';

/** Source: MaxDNSNameservers, MaxDNSSearchPaths and MaxDNSSearchListChars in pkg/apis/core/validation/validation.go. */
const LIMITS = { nameservers: 3, searches: 32, searchCharacters: 2_048 } as const;

/** What a pod's resolver is told. Source: validatePodDNSConfig and ValidateHostAliases in pkg/apis/core/validation/validation.go. */
export function validateNames({ dnsPolicy, dnsConfig, hostAliases = [] }: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const at = childPath(path, 'dnsConfig');
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (dnsPolicy === 'None') {
    if (dnsConfig === undefined) return [required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    if (nameservers.length === 0)
      return [required(childPath(at, 'nameservers'), 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
  }
  const listed = (field: string, value: readonly string[], most: number, what: string): void => {
    if (value.length > most) errors.push(invalid(childPath(at, field), value, `must not have more than ${most} ${what}`));
  };
  listed('nameservers', nameservers, LIMITS.nameservers, 'nameservers');
  listed('searches', searches, LIMITS.searches, 'search paths');
  for (const [index, address] of nameservers.entries())
    for (const detail of checkIpAddress(address)) errors.push(invalid(childPath(childPath(at, 'nameservers'), index), address, detail));
  if (searches.join(' ').length > LIMITS.searchCharacters) {
    const detail = `must not have more than ${LIMITS.searchCharacters} characters (including spaces) in the search list`;
    errors.push(invalid(childPath(at, 'searches'), searches, detail));
  }
  for (const [index, search] of searches.entries()) {
    const name = search.replace(/\.$/, '');
    for (const detail of search === '.' ? [] : checkUnderscoredSubdomain(name))
      errors.push(invalid(childPath(childPath(at, 'searches'), index), name, detail));
  }
  for (const [index, { name = '' }] of options.entries())
    if (name === '') errors.push(required(childPath(childPath(at, 'options'), index), 'must not be empty'));
  for (const [index, { hostnames = [] }] of hostAliases.entries())
    for (const [number, name] of hostnames.entries())
      for (const detail of checkDnsSubdomain(name))
        errors.push(invalid(childPath(childPath(childPath(childPath(path, 'hostAliases'), index), 'hostnames'), number), name, detail));
  return errors;
}
