// What every page loads. Each part finds its own elements and does nothing where there are none.
import "./frame/theme.js";
import "./frame/sidebar.js";
import "./frame/menus.js";
import "./frame/dialogs.js";
import "./frame/palette.js";
import "./frame/keys.js";
import "./frame/toasts.js";
import "./frame/dock.js";
import "./live/start.js";
import "./live/refresh.js";
