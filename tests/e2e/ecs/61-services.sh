# cluster: --nodes 1
# The story of a service: created, rolled to a new revision without a moment of too few healthy tasks, deleted.

service() { # service QUERY
    ecs describe-services --cluster story --services web --query "services[0].$1"
}
waits() { timeout 60 aws --endpoint-url "http://127.0.0.1:$ecs_port" ecs wait "$@" --cluster story --services web; }
stable() { is "1	3	COMPLETED" service '[length(deployments),runningCount,deployments[0].rolloutState]'; }

check "create-cluster" ecs create-cluster --cluster-name story
check "register the definition of the README" ecs register-task-definition --cli-input-json "file://$root/manifests/ecs/web.json"
revision=$(ecs describe-task-definition --task-definition web --query taskDefinition.revision)
expect "create-service" 'ACTIVE' ecs create-service --cluster story --service-name web --task-definition "web:$revision" \
    --desired-count 3 --query service.status
soon "it is stable" 60 stable
check "wait services-stable" waits services-stable
expect "each of its tasks is a pod" '^[[:space:]]*3[[:space:]]*$' eval 'k get pods -n ecs-story --no-headers | grep -c Running'
expect "list-tasks by service" '^3$' ecs list-tasks --cluster story --service-name web --query 'length(taskArns)'
tasks=$(ecs list-tasks --cluster story --service-name web --query taskArns)
first=$(service 'deployments[0].id')
# shellcheck disable=SC2086
expect "tasks are told to be the service's" "service:web.$first" ecs describe-tasks --cluster story --tasks $tasks \
    --query 'tasks[0].[group,startedBy]'
# shellcheck disable=SC2086
port=$(ecs describe-tasks --cluster story --tasks $tasks --query 'tasks[0].containers[0].networkBindings[0].hostPort')
expect "kubectl shows the service" 'web +ACTIVE +3 +3 +0 +COMPLETED' k get ecsservices -n ecs-story
k get nodes -o 'jsonpath={.items[0].status.addresses[0].address}' >"$work/address"
expect "it answers" 'Hello from' page "http://$(cat "$work/address"):$port/"

# A sample every moment of how many tasks are HEALTHY; the lowest and the highest count are what the percentages allow.
sed 's/Hello from/Greetings from/' "$root/manifests/ecs/web.json" >"$work/web2.json"
check "register a new revision" ecs register-task-definition --cli-input-json "file://$work/web2.json"
check "update-service, never with too few healthy tasks" ecs_python <<'END'
def service(): return ecs.describe_services(cluster="story", services=["web"])["services"][0]
def healthy():
    arns = ecs.list_tasks(cluster="story", serviceName="web")["taskArns"]
    tasks = ecs.describe_tasks(cluster="story", tasks=arns)["tasks"] if arns else []
    alive = [t for t in tasks if t["desiredStatus"] == "RUNNING"]
    return len([t for t in alive if t["lastStatus"] == "RUNNING" and t.get("healthStatus") == "HEALTHY"]), len(alive)
wait(30, lambda: healthy()[0] == 3)
old = service()["deployments"][0]["id"]
s = ecs.update_service(cluster="story", service="web", taskDefinition="web")["service"]
assert [d["status"] for d in s["deployments"]] == ["PRIMARY", "ACTIVE"], s["deployments"]
seen = []
def done():
    seen.append(healthy())
    s = service()
    return len(s["deployments"]) == 1 and s["deployments"][0]["rolloutState"] == "COMPLETED" and s["runningCount"] == 3
wait(90, done)
assert min(h for h, n in seen) >= 3, "healthy tasks: %s" % seen
assert max(n for h, n in seen) <= 6, "tasks: %s" % seen
s = service()
new = s["deployments"][0]["id"]
events = [e["message"] for e in s["events"]]
for text in ("(service web) has reached a steady state.", "(service web) (deployment %s) deployment completed." % new,
             "(service web) has started 3 tasks: (task ", "(service web) has stopped "):
    assert any(e.startswith(text) for e in events), (text, events)
assert events[0] == "(service web) has reached a steady state.", events
d = ecs.describe_service_deployments(serviceDeploymentArns=[s["currentServiceDeployment"]])["serviceDeployments"][0]
assert d["status"] == "SUCCESSFUL" and d["finishedAt"] >= d["startedAt"] >= d["createdAt"], d
assert d["targetServiceRevision"]["runningTaskCount"] == 3 and len(d["sourceServiceRevisions"]) == 1, d
r = ecs.describe_service_revisions(serviceRevisionArns=[d["targetServiceRevision"]["arn"], d["sourceServiceRevisions"][0]["arn"]])
assert [x["taskDefinition"].split(":")[-2] for x in r["serviceRevisions"]] == ["task-definition/web"] * 2 and not r["failures"]
assert r["serviceRevisions"][0]["taskDefinition"] == s["taskDefinition"] != r["serviceRevisions"][1]["taskDefinition"]
briefs = ecs.list_service_deployments(cluster="story", service="web")["serviceDeployments"]
assert [b["status"] for b in briefs] == ["SUCCESSFUL", "SUCCESSFUL"], briefs
stopped = ecs.list_tasks(cluster="story", serviceName="web", desiredStatus="STOPPED")["taskArns"]
reasons = {t["stoppedReason"] for t in ecs.describe_tasks(cluster="story", tasks=stopped)["tasks"]}
assert reasons == {"Scaling activity initiated by (deployment %s)" % new}, (reasons, old)
END
check "wait services-stable after it" waits services-stable

# --- a deployment that is stopped goes back to the last one that was completed ---
sed 's/exec httpd/exec false/' "$root/manifests/ecs/web.json" >"$work/web3.json"
check "register a revision that ends at once" ecs register-task-definition --cli-input-json "file://$work/web3.json"
check "stop-service-deployment" ecs_python <<'END'
def service(): return ecs.describe_services(cluster="story", services=["web"])["services"][0]
def deployment(): return ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
good = service()
arn = ecs.update_service(cluster="story", service="web", taskDefinition="web")["service"]["currentServiceDeployment"]
wait(30, lambda: service()["deployments"][0]["failedTasks"] > 0)
assert deployment()["status"] == "IN_PROGRESS", deployment()
assert ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")["serviceDeploymentArn"] == arn
assert service()["taskDefinition"] == good["taskDefinition"] and service()["currentServiceDeployment"] == arn
wait(60, lambda: deployment()["status"] == "ROLLBACK_SUCCESSFUL")
d = deployment()
assert d["rollback"]["serviceRevisionArn"] == good["currentServiceRevisions"][0]["arn"] and "request" in d["statusReason"], d
assert d["deploymentCircuitBreaker"]["status"] == "DISABLED" and d["finishedAt"] >= d["rollback"]["startedAt"], d
wait(30, lambda: len(service()["deployments"]) == 1 and service()["runningCount"] == 3)
END

# --- the end ---
refuse "a service above 0 is not deleted" 'scaled above 0' ecs delete-service --cluster story --service web
refuse "nor is its cluster" 'ClusterContainsServicesException' ecs delete-cluster --cluster story
expect "scaled to 0" '^0$' ecs update-service --cluster story --service web --desired-count 0 --query service.desiredCount
soon "no task is left" 30 is 0 ecs list-tasks --cluster story --service-name web --query 'length(taskArns)'
expect "delete-service" 'DRAINING' ecs delete-service --cluster story --service web --query service.status
soon "it becomes INACTIVE" 30 is INACTIVE service status
check "wait services-inactive" waits services-inactive
expect "the name is free" 'ACTIVE' ecs create-service --cluster story --service-name web --task-definition web --desired-count 1 \
    --query service.status
ecs_purge story
