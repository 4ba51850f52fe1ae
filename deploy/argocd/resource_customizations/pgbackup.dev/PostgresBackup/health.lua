-- The status of a PostgresBackup is compatible with kstatus: status.observedGeneration is -1 until the operator has seen
-- the object; Reconciling and Stalled are present only while they are True, and never together; Ready is True or False.

-- The condition of a type, if it is there; of those that are shown only while True, that it is there says all.
local function condition(wanted)
  if obj.status ~= nil and obj.status.conditions ~= nil then
    for _, found in ipairs(obj.status.conditions) do
      if found.type == wanted then
        return found
      end
    end
  end
  return nil
end

local function words(found)
  return found.reason .. ": " .. found.message
end

local deleting = condition("Deleting")
local paused = condition("Paused")
local stalled = condition("Stalled")
local reconciling = condition("Reconciling")
local ready = condition("Ready")

-- Argo CD runs this branch from 3.6 on; older versions say "Pending deletion" by themselves.
if obj.metadata.deletionTimestamp ~= nil then
  if deleting ~= nil then
    return { status = "Progressing", message = "Pending deletion: " .. words(deleting) }
  end
  local message = "Pending deletion"
  if obj.metadata.finalizers ~= nil then
    message = message .. ": finalizers " .. table.concat(obj.metadata.finalizers, ", ")
  end
  return { status = "Progressing", message = message }
end

-- While it is paused, an edit is not acknowledged: this is told before the generations are compared.
if paused ~= nil then
  return { status = "Suspended", message = words(paused) }
end

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not seen this generation yet" }
end

if stalled ~= nil then
  return { status = "Degraded", message = words(stalled) }
end

if reconciling ~= nil then
  return { status = "Progressing", message = words(reconciling) }
end

if ready ~= nil and ready.status == "True" then
  return { status = "Healthy", message = words(ready) }
end

return { status = "Progressing", message = "The operator has not said yet how the object is" }
