{{/* The list of environment variables: those of this chart, and over them those of the user. */}}
{{- define "istiod.environment" -}}
{{- $values := .Values -}}
{{- $account := printf "%s/%s" ($values.trustedZtunnelNamespace | default .Release.Namespace) ($values.trustedZtunnelName | default "ztunnel") -}}
{{- $domain := $values.global.proxy.clusterDomain -}}
{{- $set := dict
  "CA_TRUSTED_NODE_ACCOUNTS" $account
  "CLUSTER_DOMAIN" $domain
  "CLUSTER_ID" $values.global.multiCluster.clusterName
  "DEFAULT_WORKLOAD_CERT_TTL" $values.defaultCertTtl
  "LOG_LEVEL" $values.logLevel
  "MAX_WORKLOAD_CERT_TTL" $values.maxCertTtl
  "NETWORK" $values.global.network
  "PATH_NORMALIZATION" $values.meshConfig.pathNormalization.normalization
  "REVISION" $values.revision
  "SERVER_NAMES" (printf "istiod.%s,istiod.%s.svc.%s" .Release.Namespace .Release.Namespace $domain)
  "TRUST_DOMAIN" $values.global.trustDomain
  "VALIDATION_WEBHOOK_CONFIG_NAME" ($values.global.configValidation | ternary (include "istiod.webhook" .) "")
  "WAYPOINT_IMAGE" (include "istiod.image" (dict "root" . "image" $values.waypoint.image))
-}}
{{- $fields := dict "POD_NAME" "metadata.name" "POD_NAMESPACE" "metadata.namespace" -}}
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
