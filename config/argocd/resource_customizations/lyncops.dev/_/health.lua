-- Health of LyncPool, UpgradeDomain and BackEndServer for Argo CD. The three kinds use the same conditions, so they
-- share this script. It needs nothing but the base library: scripts from argocd-cm get no string and no math.
--
--   Degraded     Stalled is True: only a person can help
--   Suspended    Paused is True, or nothing failed and nothing is done either (management: Observe): a person decides
--   Progressing  the operator has not seen this generation, is working, or waits for something that comes by itself
--   Healthy      Ready is True for this generation

local function result(status, condition, otherwise)
  local message = otherwise
  if condition ~= nil and condition.reason ~= nil and condition.reason ~= "" then
    message = condition.reason
    if condition.message ~= nil and condition.message ~= "" then
      message = message .. ": " .. condition.message
    end
  end
  return { status = status, message = message }
end

local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration == nil then
  return result("Progressing", nil, "Waiting for the operator to see the object")
end
if status.observedGeneration ~= obj.metadata.generation then
  return result("Progressing", nil, "Waiting for the operator to see the latest change")
end

local ready, paused, decisive
for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.status == "True" then
    if condition.type == "Paused" then
      paused = condition
    elseif decisive == nil and (condition.type == "Reconciling" or condition.type == "Stalled") then
      -- kstatus, which Flux and Helm ask, goes by the first of these two as well.
      decisive = condition
    end
  end
end

-- A failure is shown even where the object is paused: pausing does not mend a server.
if decisive ~= nil and decisive.type == "Stalled" then
  return result("Degraded", ready or decisive, "Stalled")
end
if paused ~= nil then
  local suspended = result("Suspended", ready or paused, "Paused")
  -- Ready may say that all is well or that a server is being finished: name the pause first.
  if ready ~= nil and ready.reason ~= "Paused" then
    suspended.message = "Paused; " .. suspended.message
  end
  return suspended
end
if decisive ~= nil then
  return result("Progressing", ready or decisive, "Reconciling")
end
if ready ~= nil and ready.status == "True" then
  return result("Healthy", ready, "Ready")
end
if ready ~= nil and ready.status == "False" then
  -- Not as declared, nothing failed, and nobody is at it: the operator stands still until a person decides.
  return result("Suspended", ready, "Waiting for a person")
end
return result("Progressing", ready, "Waiting for the operator to report")
