/** The very first to run: an entry of its own without any library, so that questions and the page's code are on their way while
 * libraries are read. The token leaves the address before anything else looks at it. */
import { takeFromAddress } from "./api/token";
import { begin } from "./pages/first";

takeFromAddress();
begin(location);
