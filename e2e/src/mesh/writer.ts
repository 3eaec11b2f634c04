/** What lets pods of a ServiceAccount create and delete objects of one kind in their namespace. */
export function writerObjects(namespace: string, account: string, group: string, plural: string): object[] {
  const metadata = { name: `${account}-writes-${plural}`, namespace };
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [group], resources: [plural], verbs: ['create', 'delete'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
    },
  ];
}
