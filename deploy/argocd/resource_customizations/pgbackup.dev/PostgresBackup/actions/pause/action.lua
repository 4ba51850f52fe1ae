if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["pgbackup.dev/paused"] = "true"
return obj
