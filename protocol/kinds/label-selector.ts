import { list, object, oneOf, string, stringMap, strings } from '../schema/build.ts';
import { childPath, forbidden, invalid, required } from '../schema/field-errors.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import type { LabelSelector } from '../types.ts';
import { checkLabelValue, checkQualifiedName } from '../values/names.ts';
import type { FieldError } from './kind.ts';
import { validateLabels } from './metadata.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

/** A selector as workloads and affinity terms hold it. */
export const labelSelectorSchema: ObjectSchema = object('LabelSelector', 'Which labels an object must have. All conditions must hold.', {
  matchLabels: stringMap('Labels that must be there with just these values.'),
  matchExpressions: list(
    'Conditions on labels.',
    object(
      'LabelSelectorRequirement',
      'A condition on one label.',
      {
        key: string('The label.'),
        operator: oneOf('How it is compared.', OPERATORS),
        values: strings('What it is compared with.'),
      },
      { required: ['key', 'operator'] },
    ),
  ),
});

/** The rules the schema can't say: names, and which operators take values. */
export function validateLabelSelector(selector: LabelSelector, path: string): FieldError[] {
  const errors = validateLabels(selector.matchLabels, childPath(path, 'matchLabels'));
  for (const [index, expression] of (selector.matchExpressions ?? []).entries()) {
    const at = childPath(childPath(path, 'matchExpressions'), index);
    const values = expression.values ?? [];
    if (expression.operator === 'In' || expression.operator === 'NotIn') {
      if (values.length === 0) errors.push(required(childPath(at, 'values'), "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (expression.operator === 'Exists' || expression.operator === 'DoesNotExist') {
      if (values.length > 0) {
        errors.push(forbidden(childPath(at, 'values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
    }
    if (expression.key !== '')
      errors.push(...checkQualifiedName(expression.key).map((message) => invalid(childPath(at, 'key'), expression.key, message)));
    values.forEach((value, valueIndex) => {
      const valuePath = childPath(childPath(at, 'values'), valueIndex);
      errors.push(...checkLabelValue(value).map((message) => invalid(valuePath, value, message)));
    });
  }
  return errors;
}
