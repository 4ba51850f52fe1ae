local annotations = obj.metadata.annotations or {}
local paused = annotations["pgbackup.dev/paused"] == "true"

return {
  ["reconcile"] = { ["disabled"] = paused },
  ["pause"] = { ["disabled"] = paused },
  ["resume"] = { ["disabled"] = not paused },
}
