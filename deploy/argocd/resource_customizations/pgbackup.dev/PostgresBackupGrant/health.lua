-- The status of a PostgresBackupGrant is compatible with kstatus: status.observedGeneration is -1 until the operator has
-- seen the grant; Ready is True or False; Stalled is present only while a person must change the grant.

if obj.metadata.deletionTimestamp ~= nil then
  local message = "Pending deletion"
  if obj.metadata.finalizers ~= nil then
    message = message .. ": finalizers " .. table.concat(obj.metadata.finalizers, ", ")
  end
  return { status = "Progressing", message = message }
end

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not seen this generation yet" }
end

for _, found in ipairs(obj.status.conditions or {}) do
  local words = found.reason .. ": " .. found.message
  if found.type == "Stalled" then
    return { status = "Degraded", message = words }
  end
  if found.type == "Ready" and found.status == "True" then
    return { status = "Healthy", message = words }
  end
end

return { status = "Progressing", message = "The operator has not said yet how the grant is" }
