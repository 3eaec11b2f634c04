{{/* How long open connections may go on when the proxy ends: less than the pod has, so that the program ends by itself. */}}
{{- define "ztunnel.drain" -}}
{{- $grace := int .Values.terminationGracePeriodSeconds -}}
{{- if gt $grace 10 }}{{ sub $grace 5 }}{{ else }}{{ max 1 (sub $grace 1) }}{{ end }}s
{{- end -}}

{{/* Takes {root, address}: the address as the program wants it. */}}
{{- define "ztunnel.address" -}}
{{- $namespace := .root.Values.global.istioNamespace | default .root.Release.Namespace -}}
{{- $address := .address | default (printf "istiod.%s.svc:15012" $namespace) -}}
{{ if not (hasPrefix "https://" $address) }}https://{{ end }}{{ $address }}
{{- end -}}

{{/* The list of environment variables: those of this chart, and over them those of the user. */}}
{{- define "ztunnel.environment" -}}
{{- $values := .Values -}}
{{- $set := dict
  "AMBIT_LOG_LEVEL" $values.logLevel
  "AUTH_TOKEN" "/var/run/secrets/tokens/istio-token"
  "CA_ADDRESS" (include "ztunnel.address" (dict "root" . "address" $values.caAddress))
  "CA_ROOT_CA" "/var/run/secrets/istio/root-cert.pem"
  "CLUSTER_DOMAIN" $values.global.proxy.clusterDomain
  "CLUSTER_ID" ($values.multiCluster.clusterName | default $values.global.multiCluster.clusterName)
  "CONNECTION_TERMINATION_DEADLINE" (include "ztunnel.drain" .)
  "INPOD_UDS" "/var/run/ztunnel/ztunnel.sock"
  "IPV6_ENABLED" $values.ipv6
  "LOG_FORMAT" (ternary "json" "text" $values.logAsJson)
  "NETWORK" ($values.network | default $values.global.network)
  "TRUST_DOMAIN" $values.global.trustDomain
  "XDS_ADDRESS" (include "ztunnel.address" (dict "root" . "address" $values.xdsAddress))
  "XDS_ROOT_CA" "/var/run/secrets/istio/root-cert.pem"
-}}
{{- if $values.snapshot.enabled }}{{ $_ := set $set "AMBIT_SNAPSHOT_DIR" "/var/run/ambit" }}{{ end -}}
{{- $fields := dict
  "INSTANCE_IP" "status.podIP"
  "NODE_NAME" "spec.nodeName"
  "POD_NAME" "metadata.name"
  "POD_NAMESPACE" "metadata.namespace"
  "SERVICE_ACCOUNT" "spec.serviceAccountName"
-}}
{{- range $name, $path := $fields }}
{{- if not (hasKey $values.env $name) }}
- name: {{ $name }}
  valueFrom:
    fieldRef:
      apiVersion: v1
      fieldPath: {{ $path }}
{{- end }}
{{- end }}
{{- range $name, $value := mergeOverwrite $set $values.env }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end -}}
