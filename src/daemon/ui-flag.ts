import { invalid, messageOf } from "../errors.ts";
import { isLoopbackHost, parseUiAddress, type UiAddress } from "../ui/listen.ts";

/**
 * Only this machine reaches it: who may come from elsewhere, and how, is decided by the flags of `berth ui`.
 * @throws EngineError invalid
 */
export function parseUiFlag(text: string): UiAddress {
  try {
    const address = parseUiAddress(text);
    if (isLoopbackHost(address.host)) return address;
  } catch (error) {
    throw invalid(`invalid --ui "${text}": ${messageOf(error)}`, error);
  }
  throw invalid(
    `invalid --ui "${text}": use an address of 127.0.0.0/8 or [::1], or run 'berth ui' beside the daemon`,
  );
}
