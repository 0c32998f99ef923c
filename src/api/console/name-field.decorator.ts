import { QUEUE_NAME_PATTERN } from '../../kernel/lane.js';
import { FormField, type FieldDocumentation } from '../common/field.decorators.js';

/** What operators may call things: queues, upstreams, tenants. */
export function NameField(documentation: FieldDocumentation): PropertyDecorator {
  return FormField({
    ...documentation,
    isFit: (text) => QUEUE_NAME_PATTERN.test(text),
    expected: "1 to 64 letters, digits, '_' and '-'",
  });
}
