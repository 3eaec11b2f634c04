{{/* An image: `image` as it stands when it names a registry, else hub/image:tag. Takes {root, image}. */}}
{{- define "cni.image" -}}
{{- $values := .root.Values -}}
{{- if contains "/" .image -}}
{{ .image }}
{{- else -}}
{{ $values.hub | default $values.global.hub }}/{{ .image }}:{{ $values.tag | default $values.global.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "cni.labels" -}}
k8s-app: istio-cni-node
app.kubernetes.io/name: istio-cni
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: ambit
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "cni.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}
