{{/* Labels of what runs before the release is deleted. Nothing selects the agents by these. */}}
{{- define "cni.unenrolLabels" -}}
app: istio-cni-unenrol
app.kubernetes.io/name: istio-cni-unenrol
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: ambit
{{- end -}}

{{/* Takes the weight: what the Job needs comes before it. */}}
{{- define "cni.unenrolHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
