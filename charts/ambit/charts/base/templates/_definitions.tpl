{{/* "true" when this release installed the definition. */}}
{{- define "base.own" -}}
{{- $annotations := .definition.metadata.annotations | default dict -}}
{{- if and (eq (index $annotations "meta.helm.sh/release-name" | default "") .release.Name) (eq (index $annotations "meta.helm.sh/release-namespace" | default "") .release.Namespace) -}}
true
{{- end -}}
{{- end -}}

{{/* "true" when the definition that is there is of a later Gateway API than ours. */}}
{{- define "base.newer" -}}
{{- if .present -}}
{{- $present := index (.present.metadata.annotations | default dict) "gateway.networking.k8s.io/bundle-version" -}}
{{- $ours := index (.ours.metadata.annotations | default dict) "gateway.networking.k8s.io/bundle-version" -}}
{{- if and $present $ours -}}
{{- if lt ((semver $ours).Compare (semver $present)) 0 }}true{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The definition as JSON, with the mark that makes Helm keep it at the end of the release: objects of users hang on it. */}}
{{- define "base.kept" -}}
{{- $_ := set .metadata "annotations" (merge (dict "helm.sh/resource-policy" "keep") (.metadata.annotations | default dict)) -}}
{{- toJson . -}}
{{- end -}}
