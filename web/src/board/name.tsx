// Any id, shown safely: isolated from the text around it, legible, and in full when pointed at.
import { legible } from "../format/name.ts";

export function Name({ id }: { id: string }) {
  const shown = legible(id);
  return (
    <bdi className="name" dir="auto" title={shown}>
      {shown}
    </bdi>
  );
}
