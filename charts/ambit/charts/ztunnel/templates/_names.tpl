{{/* An image: `image` as it stands when it names a registry, else hub/image:tag. Takes {root, image}. */}}
{{- define "ztunnel.image" -}}
{{- $values := .root.Values -}}
{{- if contains "/" .image -}}
{{ .image }}
{{- else -}}
{{ $values.hub | default $values.global.hub }}/{{ .image }}:{{ $values.tag | default $values.global.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "ztunnel.name" -}}
{{ .Values.resourceName | default "ztunnel" }}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "ztunnel.labels" -}}
{{- $own := dict
  "app" "ztunnel"
  "app.kubernetes.io/name" "ztunnel"
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/part-of" "ambit"
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
-}}
{{- toYaml (merge $own .Values.labels) -}}
{{- end -}}

{{- define "ztunnel.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}
