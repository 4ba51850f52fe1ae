if obj.metadata.annotations ~= nil then
  obj.metadata.annotations["pgbackup.dev/paused"] = nil
end
return obj
