-- Any new value has the operator look now, and try again what it had given up.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["pgbackup.dev/reconcile-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
