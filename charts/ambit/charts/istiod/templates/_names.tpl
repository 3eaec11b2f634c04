{{/* An image: `image` as it stands when it names a registry, else hub/image:tag. Takes {root, image}. */}}
{{- define "istiod.image" -}}
{{- $values := .root.Values -}}
{{- if contains "/" .image -}}
{{ .image }}
{{- else -}}
{{ $values.hub | default $values.global.hub }}/{{ .image }}:{{ $values.tag | default $values.global.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "istiod.labels" -}}
app: istiod
istio: pilot
app.kubernetes.io/name: istiod
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: ambit
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name of the ValidatingWebhookConfiguration (Istio's). */}}
{{- define "istiod.webhook" -}}
istio-validator-{{ with .Values.revision }}{{ . }}-{{ end }}{{ .Release.Namespace }}
{{- end -}}

{{/* Nothing that runs here may do more than a restricted pod. */}}
{{- define "istiod.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1337
runAsGroup: 1337
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "istiod.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "istiod.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}
