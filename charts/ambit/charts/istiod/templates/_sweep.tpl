{{/* Labels of what runs after the release was deleted. Nothing selects the controller's pods by these. */}}
{{- define "istiod.sweepLabels" -}}
app: istiod-sweep
app.kubernetes.io/name: istiod-sweep
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: ambit
{{- end -}}

{{/* Takes the weight: what the Job needs comes before it. */}}
{{- define "istiod.sweepHook" -}}
helm.sh/hook: post-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
