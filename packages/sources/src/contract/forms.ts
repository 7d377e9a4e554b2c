/** Forms in which a source can be restored. */
import { sourcesError } from "../errors.ts";
import type { RestoreForm } from "./source.ts";

/** The form that was asked for, or the usual one. @throws SOURCES_FORM_UNKNOWN */
export function chosenForm(forms: readonly RestoreForm[], asked: string | undefined, source: string): string {
  const form = asked ?? forms[0]?.name ?? "";
  if (forms.some(({ name }) => name === form)) return form;
  throw sourcesError("SOURCES_FORM_UNKNOWN", { source, form, forms: forms.map(({ name }) => name).join(", ") });
}
