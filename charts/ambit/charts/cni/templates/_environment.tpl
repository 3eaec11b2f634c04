{{/* The list of environment variables: those of this chart, and over them those of the user. */}}
{{- define "cni.environment" -}}
{{- $values := .Values -}}
{{- $set := dict
  "AGENT_RUN_DIR" "/var/run/istio-cni"
  "AMBIENT_DNS_CAPTURE" $values.ambient.dnsCapture
  "AMBIENT_IPV6" $values.ambient.ipv6
  "LEAVE_DEADLINE_SECONDS" $values.leaveDeadlineSeconds
  "LOG_LEVEL" $values.logLevel
  "CNI_BIN_DIR" "/host/opt/cni/bin"
  "CNI_CONF_DIR" "/host/etc/cni/net.d"
  "EXCLUDE_NAMESPACES" (join "," $values.excludeNamespaces)
  "HOST_PROC" "/host/proc"
  "ZTUNNEL_SOCKET" "/var/run/ztunnel/ztunnel.sock"
-}}
{{- $fields := dict "NODE_NAME" "spec.nodeName" "POD_NAME" "metadata.name" "POD_NAMESPACE" "metadata.namespace" -}}
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
