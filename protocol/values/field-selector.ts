import { KithError } from '../errors.ts';

/** One term of `metadata.name=web,status.phase!=Failed`. */
export interface FieldRequirement {
  path: string;
  operator: '=' | '!=';
  /** May be empty: `involvedObject.namespace=` asks for objects without one. */
  value: string;
}

/** All must hold. Empty selects everything. */
export type FieldSelector = readonly FieldRequirement[];

/** Characters of a selector's text, and its terms. */
const MAX_SELECTOR_TEXT = 16_384;
const MAX_TERMS = 100;

/**
 * Backslash escapes `\`, `,` and `=` in values, as in k8s.io/apimachinery/pkg/fields.
 * @throws KithError `InvalidSelector` in Kubernetes' words
 */
export function parseFieldSelector(text: string): FieldRequirement[] {
  if (text.length > MAX_SELECTOR_TEXT) throw invalid(`field selector is longer than ${MAX_SELECTOR_TEXT} characters`);
  const terms = splitUnescaped(text).filter((term) => term !== '');
  if (terms.length > MAX_TERMS) throw invalid(`field selector has more than ${MAX_TERMS} terms`);
  return terms.map((term) => {
    const match = /^([^=!]*?)(!=|==|=)(.*)$/s.exec(term);
    if (match === null) throw invalid(`invalid selector: '${term}'; can't understand '${term}'`);
    return { path: (match[1] ?? '').trim(), operator: match[2] === '!=' ? '!=' : '=', value: unescapeValue(match[3] ?? '') };
  });
}

function splitUnescaped(text: string): string[] {
  return text.match(/(?:\\.|[^,\\])+/gs) ?? [];
}

function unescapeValue(value: string): string {
  if (/(?:^|[^\\])(?:\\\\)*=/.test(value)) throw invalid(`invalid field selector: unescaped character in value: 61`);
  return value.replace(/\\([\\,=])/g, '$1');
}

/** `fieldOf` answers with a field's text; a field that the object lacks is the empty text. */
export function matchesFieldSelector(selector: FieldSelector, fieldOf: (path: string) => string): boolean {
  return selector.every((term) => (fieldOf(term.path) === term.value) === (term.operator === '='));
}

export function formatFieldSelector(selector: FieldSelector): string {
  return selector.map((term) => `${term.path}${term.operator}${term.value.replace(/[\\,=]/g, '\\$&')}`).join(',');
}

function invalid(message: string): KithError {
  return new KithError('InvalidSelector', message);
}
