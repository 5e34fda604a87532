import { list, object, string, stringMap, strings } from '../schema/build.ts';
import { childPath, forbidden, invalid, required } from '../schema/field-errors.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import type { LabelSelector } from '../types.ts';
import { checkLabelValue, checkQualifiedName } from '../values/names.ts';
import type { FieldError } from './kind.ts';
import { validateLabels } from './metadata.ts';

/** A selector as workloads and affinity terms hold it. */
export const labelSelectorSchema: ObjectSchema = object('LabelSelector', 'Which labels an object must have. All conditions must hold.', {
  matchLabels: stringMap('Labels that must be there with just these values.'),
  matchExpressions: list(
    'Conditions on labels.',
    object(
      'LabelSelectorRequirement',
      'A condition on one label.',
      {
        key: string('The label.', { missing: 'zero' }),
        operator: string('How it is compared: In, NotIn, Exists or DoesNotExist.', { missing: 'zero' }),
        values: strings('What it is compared with.'),
      },
      { required: ['key', 'operator'] },
    ),
  ),
});

/** The rules the schema can't say: names, and which operators take values. Source: ValidateLabelSelector in apimachinery (behaviour and wording). */
export function validateLabelSelector(selector: LabelSelector, path: string): FieldError[] {
  const errors = validateLabels(selector.matchLabels, childPath(path, 'matchLabels'));
  for (const [index, { key = '', operator = '', values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = childPath(childPath(path, 'matchExpressions'), index);
    const valuesPath = childPath(at, 'values');
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) errors.push(required(valuesPath, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) errors.push(forbidden(valuesPath, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else errors.push(invalid(childPath(at, 'operator'), operator, 'not a valid selector operator'));
    errors.push(...checkQualifiedName(key).map((message) => invalid(childPath(at, 'key'), key, message)));
    for (const [number, value] of values.entries())
      errors.push(...checkLabelValue(value).map((message) => invalid(childPath(valuesPath, number), value, message)));
  }
  return errors;
}
